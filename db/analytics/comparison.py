"""Two subreddits, or two times, beside each other: how much more of each emotion is in one, and how sure that is."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from moodmill.db.analytics.findings import Finding, as_sql
from moodmill.db.analytics.intervals import Estimates, difference_interval
from moodmill.db.analytics.results import nothing_in, remarks
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.sums import MEASURES, Sums, as_sums, overall_spread, summed
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError

_ENDS = ("", "_low", "_high")
COLUMNS = (
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
    shares = differences[0]
    sure = abs(shares.value[0]) / (shares.high[0] - shares.low[0])
    return Finding(
        columns=COLUMNS,
        rows=[rows[at] for at in (-sure).argsort(kind="stable").tolist()],
        queries=tuple(queries),
        remarks=remarks(connection, sides.one),
    )
