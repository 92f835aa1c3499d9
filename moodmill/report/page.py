"""A summary as one HTML page that needs nothing else: no server, no network, no font from elsewhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.summary import Summary
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF, GROUPS
from moodmill.db.core.text import shortened
from moodmill.report import charts
from moodmill.web.pages import digest

#: How each page begins: what does not is no page of ours.
MARK: Final = '<!doctype html>\n<html lang="en" data-made-by="moodmill report">'
#: Characters of a comment that are shown.
EXAMPLE: Final = 400
_TEMPLATES: Final = Path(__file__).parent / "templates"


def render(summary: Summary, made_at: datetime) -> str:
    """Return the page. Whatever comes from a dump is escaped; the page's own policy lets no other script run."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": charts.percent, "subreddit": charts.subreddit_name, "shortened": shortened}
    scripts = {"plotly": get_plotlyjs(), "drawing": (_TEMPLATES / "report.js").read_text(encoding="utf-8")}
    return environment.get_template("report.html").render(
        mark=Markup(MARK),  # noqa: S704 - a constant
        summary=summary,
        made_at=made_at.astimezone(UTC),
        policy=" ".join(digest(script) for script in scripts.values()),
        scripts={name: Markup(script) for name, script in scripts.items()},  # noqa: S704 - of Plotly, and our own
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704 - our own
        chosen=_chosen(summary.scope),
        figures=_figures(summary),
        groups=GROUPS,
        group_of=GROUP_OF,
        order=charts.by_group(summary),
        ranked=charts.by_frequency(summary),
        seen=charts.SEEN,
        names=EMOTIONS,
        at={name: number for number, name in enumerate(EMOTIONS)},
        company=_company(summary),
        example=EXAMPLE,
        enough=charts.ENOUGH,
    )


def is_page(path: Path) -> bool:
    """Tell whether a file is a page that was made here."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK.encode()


def _chosen(scope: Scope) -> str:
    """Return in words what was asked for."""
    parts = [", ".join(charts.subreddit_name(name) for name in sorted(scope.subreddits))]
    parts += [f"{word} {day}" for word, day in (("since", scope.since), ("before", scope.until)) if day]
    return "; ".join(filter(None, parts))


def _figures(summary: Summary) -> dict[str, dict[str, Any]]:
    drawn = {"shares": charts.shares(summary), "together": charts.together(summary)}
    if summary.periods:
        drawn["time"] = charts.over_time(summary)
    if summary.subreddit_count:
        drawn["subreddits"] = charts.by_subreddit(summary)
    return drawn


def _company(summary: Summary) -> tuple[str, str, float] | None:
    """Return the pair of emotions of which the first comes most often with the second, and how often."""
    pairs = summary.together.pairs
    found = [
        (int(pairs[one, other]) / int(pairs[one, one]), EMOTIONS[one], EMOTIONS[other])
        for one in range(len(EMOTIONS))
        for other in range(len(EMOTIONS))
        if one != other and pairs[one, one] >= charts.ENOUGH and pairs[one, other]
    ]
    if not found:
        return None
    share, one, other = max(found)
    return one, other, share
