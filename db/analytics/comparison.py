"""Two subreddits, or two times, beside each other: how much more of each emotion is in one, and how sure that is."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from sqlalchemy import Connection, select

from moodmill.db.analytics.findings import Finding, as_sql
from moodmill.db.analytics.intervals import Estimates, clearness, difference_interval
from moodmill.db.analytics.results import nothing_in, remarks
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.sums import MEASURES, Sums, as_sums, overall_spread, summed
from moodmill.db.core.days import day_of, next_month
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import check_period, moment_asked, names_asked
from moodmill.db.core.names import subreddit_key

_DAY: Final = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_TIME: Final = re.compile(rf"{_DAY}(?:\.\.{_DAY})?")
_ENDS: Final = ("", "_low", "_high")
COLUMNS: Final = (
    "emotion",
    "group",
    "comments_a",
    "found_a",
    "comments_b",
    "found_b",
    *(f"{measure}_{of}{end}" for measure in MEASURES for of in ("a", "b", "difference") for end in _ENDS),
)


@dataclass(frozen=True, kw_only=True)
class Sides:
    """What is compared with what. They share no comment, or the intervals of their differences would not hold."""

    one: Scope
    other: Scope

    def __post_init__(self) -> None:
        """Raise SettingError where they share comments."""
        one, other = self.one, self.other
        if one.subreddits and other.subreddits and not one.subreddits & other.subreddits:
            return
        if _ends_before(one, other) or _ends_before(other, one):
            return
        raise SettingError("expected two subreddits, or two times of which one ends before the other begins")


def sides_asked(within: Scope, one: str, other: str) -> Sides:
    """Return what is compared, as people write it: NAME of a subreddit, 2024-03 or 2024-03..2024-06, each in a scope.

    A time is a year, month or day, or from the beginning of one to the beginning of another. A subreddit whose name
    looks like one is r/NAME. Raises SettingError for what is neither, and where both share comments.
    """
    return Sides(one=_side(within, one), other=_side(within, other))


def _side(within: Scope, asked: str) -> Scope:
    asked = asked.strip()
    if not _TIME.fullmatch(asked):
        keys = names_asked(subreddit_key, [asked])
        if within.subreddits:
            raise SettingError("expected a time on each side, since it is already said of which subreddits")
        return replace(within, subreddits=keys)
    if within.is_of_days:
        raise SettingError("expected a subreddit on each side, since it is already said of which time")
    begin, dots, end = asked.partition("..")
    try:
        first = day_of(moment_asked(begin))
        until = day_of(moment_asked(end)) if dots else _after(begin, first)
    except (ValueError, OverflowError) as error:
        raise SettingError(
            f"expected a time as 2024, 2024-03, 2024-03-31 or 2024-03..2024-06, got {asked!r}"
        ) from error
    check_period(first, until)
    return replace(within, since=first, until=until)


def _after(written: str, first: date) -> date | None:
    """Return the first day after a year, a month or a day; None where there is none."""
    try:
        if len(written) == len("2024"):
            return first.replace(year=first.year + 1)
        return next_month(first) if len(written) == len("2024-03") else first + timedelta(days=1)
    except (ValueError, OverflowError):  # there is none after the year 9999
        return None


def _ends_before(one: Scope, other: Scope) -> bool:
    return one.until is not None and other.since is not None and one.until <= other.since


def compare(connection: Connection, sides: Sides) -> Finding:
    """Return all emotions on both sides, and A less B; that with the clearest difference of shares first.

    Raises SettingError where a side holds no comment.
    """
    found: list[tuple[Sums, tuple[Estimates, ...]]] = []
    queries = []
    overall = overall_spread(connection, sides.one.model)
    for side in (sides.one, sides.other):
        scope = side.spelled(connection)
        query = select(*summed(scope.days)).where(scope.sums(scope.days))
        sums = as_sums([connection.execute(query).one()])
        if not sums.comments[0]:
            raise SettingError(nothing_in(connection, scope))
        found.append((sums, tuple(sums.estimates(measure, overall) for measure in MEASURES)))
        queries.append(as_sql(connection, query))
    (a, of_a), (b, of_b) = found
    differences = [difference_interval(one, other) for one, other in zip(of_a, of_b, strict=True)]
    triples = list(zip(of_a, of_b, differences, strict=True))
    rows = [
        (
            name,
            GROUP_OF[name],
            int(a.comments[0]),
            int(a.above[0, at]),
            int(b.comments[0]),
            int(b.above[0, at]),
            *(float(one[0, at]) for three in triples for estimates in three for one in estimates),
        )
        for at, name in enumerate(EMOTIONS)
    ]
    clear = clearness(differences[0])[0]
    return Finding(
        columns=COLUMNS,
        rows=[rows[at] for at in (-clear).argsort(kind="stable").tolist()],
        queries=tuple(queries),
        remarks=remarks(connection, sides.one),
    )
