"""`moodmill results`: what people feel, where and when, and how sure each number is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any

import click

from moodmill.cli.options import day_options, json_option, stacked, store_options, subreddit_option
from moodmill.cli.session import opened_store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from moodmill.db.analytics.scope import Scope

#: Of how many comments something has to be at least.
_COMMENTS = click.IntRange(1, 1_000_000_000)
_model = click.option("--model", metavar="NAME", help="Of this model's rows; by default of the model that views show.")
_measure = click.option(
    "--measure",
    type=click.Choice(["share", "prevalence"]),
    default="share",
    show_default=True,
    help="Rank by the share of comments in which the emotion is found, or by its mean probability.",
)
_all = stacked(subreddit_option, day_options, _model, store_options, json_option)


def _limit(default: int | None, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--limit", type=click.IntRange(1), default=default, show_default=default is not None, metavar="N", help=help_
    )


@click.group(short_help="Rank, compare and read what was found, with intervals.")
def results() -> None:
    """Rank, compare and read what was found, each number with how sure it is.

    Two measures: the share is of comments in which the emotion is above the model's threshold; the prevalence is the
    mean probability, which says how many comments show it as far as the model is calibrated. In brackets is the 95 %
    interval of each. Numbers come from the roll-ups, but for pairs in subreddits and examples, and nothing is written.
    """


@results.command()
@_all
def overview(as_json: bool, **asked: Any) -> None:
    """Show how often each of the 27 emotions is found."""
    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.results import overview as over

    with _asking(**asked) as (connection, scope):
        finding = over(connection, scope)
    columns = ("emotion", "group", "found", "share", "prevalence")
    print_finding(finding, columns, as_json=as_json, model=scope.model)


@results.command()
@click.argument("emotion")
@_measure
@click.option("--min-comments", "least", type=_COMMENTS, default=100, show_default=True, metavar="N")
@click.option("--named", default="", metavar="TEXT", help="Show those whose names hold this; ranks stay.")
@_limit(20, "Show the first N.")
@_all
def rank(emotion: str, measure: Any, least: int, named: str, limit: int | None, as_json: bool, **asked: Any) -> None:
    """Rank the subreddits by an EMOTION, those of at least --min-comments comments."""
    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.results import rank as ranked

    with _asking(**asked) as (connection, scope):
        finding = ranked(connection, scope, emotion, measure=measure, least=least, named=named, most=limit)
    columns = ("rank", "subreddit", "comments", "found", "share", "prevalence")
    print_finding(finding, columns, as_json=as_json, model=scope.model, emotion=emotion)


@results.command()
@click.argument("emotions", metavar="EMOTION...", nargs=-1, required=True)
@click.option("--by", type=click.Choice(["day", "week", "month"]), help="By default as the time's length asks for.")
@_all
def trend(emotions: tuple[str, ...], by: Any, as_json: bool, **asked: Any) -> None:
    """Show EMOTIONs over time; of several subreddits, each by itself."""
    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.results import trend as over_time

    with _asking(**asked) as (connection, scope):
        finding = over_time(connection, scope, emotions, by=by)
    columns = [name for name in finding.columns if not name.endswith(("_low", "_high"))]
    columns.remove("subreddit") if not scope.subreddits else None
    columns.remove("emotion") if len(emotions) == 1 else None
    print_finding(finding, columns, as_json=as_json, model=scope.model)


@results.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@_limit(None, "Show the N clearest differences; by default all 27 emotions.")
@_all
def compare(one: str, other: str, limit: int | None, as_json: bool, **asked: Any) -> None:
    """Compare A with B: two subreddits, or two times as 2024, 2024-03, 2024-03-31 or 2024-03..2024-06 (June is out).

    The clearest differences come first; one whose interval holds 0 may be chance. A subreddit whose name looks like a
    time is r/NAME.
    """
    from dataclasses import replace

    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.comparison import compare as compared
    from moodmill.db.analytics.comparison import sides_asked

    with _asking(**asked) as (connection, scope):
        finding = compared(connection, sides_asked(scope, one, other))
    finding = replace(finding, rows=finding.rows[:limit])
    columns = ("emotion", "share_a", "share_b", "share_difference", "prevalence_difference")
    print_finding(finding, columns, as_json=as_json, model=scope.model, a=one, b=other)


@results.command()
@click.argument("emotion", required=False)
@click.option("--min-comments", "least", type=_COMMENTS, default=30, show_default=True, metavar="N")
@_limit(20, "Show the first N.")
@_all
def pairs(emotion: str | None, least: int, limit: int | None, as_json: bool, **asked: Any) -> None:
    """Show which emotions go together: of the comments with EMOTION, or with any, how many have another one too.

    The lift is how many times as often the other one is there as in all comments.
    """
    from dataclasses import replace

    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.pairs import pairs as going_together

    with _asking(**asked) as (connection, scope):
        finding = going_together(connection, scope, emotion, least=least)
    finding = replace(finding, rows=finding.rows[:limit])
    columns = ("emotion", "other", "comments", "both", "share", "lift")
    print_finding(finding, columns, as_json=as_json, model=scope.model)


@results.command()
@click.argument("emotion")
@click.option("--order", type=click.Choice(["clearest", "newest"]), default="clearest", show_default=True)
@click.option("--words", default="", metavar="TEXT", help='Only with these words; "a phrase" in quotes, -word without.')
@_limit(10, "Show N.")
@_all
def examples(emotion: str, order: Any, words: str, limit: int, as_json: bool, **asked: Any) -> None:
    """Show comments in which an EMOTION is found, the clearest first; of equal texts one.

    Words are looked for in texts that the store keeps: `moodmill db index --text` makes it fast.
    """
    from moodmill.cli.finding import print_finding
    from moodmill.db.analytics.reading import read_comments

    with _asking(**asked) as (connection, scope):
        finding = read_comments(connection, scope, emotion, words=words, order=order, most=limit)
    columns = ["comment_id", "subreddit", "created_at", "probability"]
    columns += ["text"] if any(finding.column("text")) else ["emotions", "link"]
    print_finding(finding, columns, as_json=as_json, model=scope.model, emotion=emotion)


@contextmanager
def _asking(
    *, subreddits: tuple[str, ...], since: date | None, until: date | None, model: str | None
) -> "Iterator[tuple[Connection, Scope]]":
    """Yield a transaction that reads the store, and which comments are asked for."""
    from moodmill.db.analytics.scope import scope_asked

    with opened_store(reads=True) as store:
        scope = scope_asked(store, model=model, subreddits=subreddits, since=since, until=until)
        with store.reading() as connection:
            yield connection, scope
