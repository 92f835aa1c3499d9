"""The charts of a report, as Plotly figures. Names of subreddits come from strangers, and are escaped."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any, Final

from plotly import graph_objects
from plotly.colors import sample_colorscale

from moodmill.db.analytics.summary import Summary, Tally
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF, GROUPS, Group
from moodmill.db.core.text import shortened

#: Also in templates/report.css; they stay apart for the colour-blind.
COLOURS: Final[dict[Group, str]] = {"positive": "#1f8a78", "negative": "#c4593c", "ambiguous": "#5f6caf"}
#: Of the lines over time, by rank; then again with other dashes.
LINES: Final = ("#1f8a78", "#c4593c", "#5f6caf", "#d9a036", "#7a4f8f", "#3b8fc2", "#7f8c3a", "#b5577f", "#5c6670")
DASHES: Final = ("solid", "dash", "dot")
#: Lines that are seen at first: those of the most frequent emotions.
SEEN: Final = 5
INK: Final = "#26323b"
SOFT: Final = "#8a949b"
FAINT: Final = "#e3e0d9"
#: Characters of a subreddit's name on an axis.
NAME: Final = 24
#: Pixels of a row, and of what is above and below the rows of a heat map.
ROW: Final = 23
HEAD: Final = 118
FOOT: Final = 46
#: Comments with an emotion from which its company is shown: a share of fewer is little but chance.
ENOUGH: Final = 20


def percent(share: float) -> str:
    """Return a share as people read it, with a digit more where it is small."""
    return f"{share:.{1 if share >= 0.01 else 2 if share else 0}%}"


def subreddit_name(subreddit: str | None) -> str:
    """Return what stands for a subreddit, as people write it; not escaped."""
    return "no subreddit" if subreddit is None else f"r/{subreddit}"


def by_frequency(summary: Summary) -> list[str]:
    """Return the emotions, the most frequent first: the order of the lines over time."""
    return sorted(EMOTIONS, key=lambda name: (-summary.total.above[EMOTIONS.index(name)], name))


def by_group(summary: Summary) -> list[str]:
    """Return the emotions by group, and in it the most frequent first: the order of every other chart."""
    ranked = by_frequency(summary)
    return [name for members in GROUPS.values() for name in ranked if name in members]


def shares(summary: Summary) -> dict[str, Any]:
    """Draw the share of comments in which each emotion is above the threshold."""
    order, total = by_group(summary), summary.total
    figure = graph_objects.Figure()
    for group, names in GROUPS.items():
        mine = [name for name in order if name in names]
        found = [total.shares[EMOTIONS.index(name)] for name in mine]
        figure.add_bar(
            name=group,
            orientation="h",
            x=found,
            y=[order.index(name) for name in mine],
            text=[percent(share) for share in found],
            textposition="outside",
            cliponaxis=False,
            marker_color=COLOURS[group],
            hoverinfo="text",
            hovertext=[
                f"{_found(total, name)}<br>mean probability {total.means[EMOTIONS.index(name)]:.4f}"
                f"<br>threshold {summary.thresholds[name]:.3f}"
                for name in mine
            ],
        )
    figure.update_xaxes(tickformat=".0%", range=[0, max(*total.shares, 0.001) * 1.3], gridcolor=FAINT, side="top")
    _name_rows(figure, [_coloured(name) for name in order])
    return _finished(figure, height=len(order) * ROW + 50, bargap=0.25, showlegend=False)


def over_time(summary: Summary) -> dict[str, Any]:
    """Draw each emotion's share by day or month, and below it how many comments there are."""
    periods = list(_with_gaps(summary))
    days = [start.isoformat() for start, _ in periods]
    shown = "%Y-%m" if summary.grain == "month" else "%Y-%m-%d"
    figure = graph_objects.Figure()
    for rank, name in enumerate(by_frequency(summary)):
        figure.add_scatter(
            name=name,
            x=days,
            y=[one and one.shares[EMOTIONS.index(name)] for _, one in periods],
            mode="lines+markers",
            line={"color": LINES[rank % len(LINES)], "dash": DASHES[rank // len(LINES)], "width": 2},
            marker_size=4,
            visible=rank < SEEN,
            hoverinfo="text",
            hovertext=[one and f"{start.strftime(shown)}<br>{_found(one, name)}" for start, one in periods],
        )
    figure.add_bar(
        name="comments",
        x=days,
        y=[one and one.comments for _, one in periods],
        yaxis="y2",
        marker_color="#b9c0c4",
        showlegend=False,
        hoverinfo="text",
        hovertext=[one and f"{start.strftime(shown)}<br>{one.comments:,} comments" for start, one in periods],
    )
    figure.update_xaxes(type="date", hoverformat=shown, gridcolor=FAINT, anchor="y2")
    figure.update_layout(
        yaxis={"domain": [0.26, 1], "tickformat": ".1~%", "rangemode": "tozero", "gridcolor": FAINT, "title": "share"},
        yaxis2={"domain": [0, 0.18], "rangemode": "tozero", "gridcolor": FAINT, "nticks": 3, "title": "comments"},
        legend={
            "orientation": "h",
            "y": 1.02,
            "yanchor": "bottom",
            "x": 0,
            "itemclick": False,
            "itemdoubleclick": False,
        },
        margin={"b": 40},
    )
    return _finished(figure, height=520)


def by_subreddit(summary: Summary) -> dict[str, Any]:
    """Draw the emotions' shares in each subreddit, below those in all."""
    order = by_group(summary)
    tallies = [("all comments", summary.total)]
    tallies += [(subreddit_name(name), one) for name, one in summary.subreddits.items()]
    figure = _heat_map(
        order,
        [f"{_plain(shortened(title, NAME))} {_soft(f'{one.comments:,}')}" for title, one in tallies],
        [[one.shares[EMOTIONS.index(name)] for name in order] for _, one in tallies],
        [[f"{_plain(shortened(title, 60))}<br>{_found(one, name)}" for name in order] for title, one in tallies],
    )
    return _finished(figure, height=len(tallies) * ROW + HEAD + FOOT)


def together(summary: Summary) -> dict[str, Any]:
    """Draw, of the comments with one emotion, the share with each other one; rows of few comments stay empty."""
    order = by_group(summary)
    rows = [[_company(summary, name, other) for other in order] for name in order]
    figure = _heat_map(
        order,
        [_coloured(name) for name in order],
        [[share for share, _ in row] for row in rows],
        [[text for _, text in row] for row in rows],
    )
    return _finished(figure, height=len(order) * ROW + HEAD + FOOT)


def _company(summary: Summary, name: str, other: str) -> tuple[float | None, str]:
    """Return the share of the comments with one emotion that have another one too, if it says much; and a text."""
    counts = summary.together.pairs[EMOTIONS.index(name)]
    having, both = int(counts[EMOTIONS.index(name)]), int(counts[EMOTIONS.index(other)])
    if name == other or having < ENOUGH:
        return None, f"{having:,} comments with {name}"
    share = both / having
    return share, f"of {having:,} comments with {name},<br>{percent(share)} have {other} too ({both:,})"


def _found(tally: Tally, name: str) -> str:
    at = EMOTIONS.index(name)
    return f"{name}: {percent(tally.shares[at])}<br>{tally.above[at]:,} of {tally.comments:,} comments"


def _plain(text: str) -> str:
    """Return what Plotly shows as this text: neither a tag, nor a formula between dollars."""
    return escape(text, quote=False).replace("$", "&#36;")


def _soft(text: str) -> str:
    return f'<span style="color:{SOFT}">{text}</span>'


def _coloured(name: str) -> str:
    return f'<span style="color:{COLOURS[GROUP_OF[name]]}">{name}</span>'


def _with_gaps(summary: Summary) -> Iterator[tuple[date, Tally | None]]:
    """Yield the periods, and one of nothing after each whose next is missing: no line is drawn across it."""
    starts = list(summary.periods)
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield start, summary.periods[start]
        if following is None:
            return
        after = start + timedelta(days=1 if summary.grain == "day" else 31)
        after = after if summary.grain == "day" else after.replace(day=1)
        if after != following:
            yield after, None


def _heat_map(
    columns: Sequence[str],
    rows: Sequence[str],
    values: Sequence[Sequence[float | None]],
    texts: Sequence[Sequence[str | None]],
) -> graph_objects.Figure:
    """Draw shares of emotions, below `columns`. Names of rows, and texts, are HTML.

    Colours go by the square root: emotions that are rare are seen too.
    """
    steps = [step / 20 for step in range(21)]
    colours = sample_colorscale(["#f6f4ee", "#b8d8d0", "#5aa7a7", "#2b6f86", "#1d3b53"], steps)
    figure = graph_objects.Figure(
        graph_objects.Heatmap(
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            z=values,
            zmin=0,
            hoverinfo="text",
            hovertext=texts,
            xgap=1,
            ygap=1,
            colorscale=[[step**2, colour] for step, colour in zip(steps, colours, strict=True)],
            colorbar={
                "orientation": "h",
                "x": 1,
                "xanchor": "right",
                "y": 0,
                "yanchor": "top",
                "len": 0.4,
                "thickness": 10,
                "outlinewidth": 0,
                "tickformat": ".0%",
                "nticks": 5,
            },
        )
    )
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=[_coloured(name) for name in columns],
        tickangle=-90,
        side="top",
        showgrid=False,
        zeroline=False,
    )
    _name_rows(figure, rows)
    figure.update_layout(margin={"t": HEAD, "b": FOOT})
    return figure


def _name_rows(figure: graph_objects.Figure, names: Sequence[str]) -> None:
    """Name the rows from the top. They are numbers to Plotly, which would take some names for dates or numbers."""
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=list(names),
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
    )


def _finished(figure: graph_objects.Figure, **layout: Any) -> dict[str, Any]:
    """Return a figure as the page takes it, in its looks."""
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True, automargin=True, ticklabelstandoff=6)
    figure.update_layout(margin={"l": 8, "r": 8} | {"t": 40, "b": 8} | figure.layout.margin.to_plotly_json())
    figure.update_layout(
        template="none",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#b9c0c4", "activecolor": INK},
        hoverlabel={"bgcolor": "#ffffff", "bordercolor": FAINT, "font": {"color": INK}, "align": "left"},
        dragmode=False,
        **layout,
    )
    drawn: dict[str, Any] = figure.to_plotly_json()
    return drawn
