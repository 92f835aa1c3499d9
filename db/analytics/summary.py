"""The emotions of a store's comments in numbers: how often, when, where, which together, and the clearest examples."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.emotion_sets import CoOccurrence, count_together, sets_query
from moodmill.db.analytics.rollups import Grain, sums_of
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.top_examples import Example, top_examples
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import SettingError
from moodmill.db.core.unsupported import REASONS, Reason
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.results.models import thresholds_of

#: Days from the first to the last up to which time is shown by day: more are shown by month.
BY_DAY: Final = 184


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Some comments, and what is in them of each emotion, in the order of EMOTIONS."""

    comments: int
    #: Comments whose probability is above the model's threshold.
    above: tuple[int, ...]
    #: Mean probabilities.
    means: tuple[float, ...]

    @property
    def shares(self) -> tuple[float, ...]:
        return tuple(n / self.comments for n in self.above)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The comments of a scope in numbers. All but the last three comes from the roll-ups."""

    scope: Scope
    thresholds: Mapping[str, float]
    total: Tally
    #: Comments of an unknown time: `periods` are without them.
    untimed: int
    #: The first and last day with comments, in UTC; None where no time is known.
    first: date | None
    last: date | None
    #: What a period is: a day, or the month that begins with it.
    grain: Grain
    #: In order; without those that have no comment.
    periods: Mapping[date, Tally]
    #: How many there are; below are those with most comments, the most first. None is where nobody knows it.
    subreddit_count: int
    subreddits: Mapping[str | None, Tally]
    #: Comments on which the model is not to be trusted, by why; the numbers above and below count them as well.
    unsupported: Mapping[Reason, int]
    together: CoOccurrence
    #: By emotion, without these, the clearest first.
    examples: Mapping[str, tuple[Example, ...]]

    def as_json(self) -> dict[str, Any]:
        """Return the numbers for scripts: counts, which shares are made of. Examples are left out."""
        pairs = (dict(zip(EMOTIONS, row, strict=True)) for row in self.together.pairs.tolist())
        return {
            "model": self.scope.model,
            "comments": self.total.comments,
            "comments_of_unknown_time": self.untimed,
            "first_day": self.first,
            "last_day": self.last,
            "subreddits": self.subreddit_count,
            "unsupported": dict(self.unsupported),
            "filters": {
                "subreddits": sorted(self.scope.subreddits),
                "since": self.scope.since,
                "until": self.scope.until,
            },
            "emotions": [
                {
                    "emotion": name,
                    "group": GROUP_OF[name],
                    "threshold": self.thresholds[name],
                    "above": self.total.above[at],
                    "share": self.total.shares[at],
                    "mean": self.total.means[at],
                }
                for at, name in enumerate(EMOTIONS)
            ],
            "grain": self.grain,
            "over_time": [{"start": start} | _counts(one) for start, one in self.periods.items()],
            "by_subreddit": [{"subreddit": name} | _counts(one) for name, one in self.subreddits.items()],
            "together": {
                "comments": self.together.comments,
                "none": self.together.none,
                "groups": dict(self.together.groups),
                "pairs": dict(zip(EMOTIONS, pairs, strict=True)),
            },
        }


def summarize(
    store: Store,
    scope: Scope,
    *,
    subreddits: int = 20,
    examples: int = 3,
) -> Summary:
    """Return the numbers of a scope at one moment, by roll-ups that are up to date.

    `subreddits` and `examples` (for each emotion) say how many at most. Raises SettingError where the scope holds no
    comment.
    """
    with store.reading() as connection:
        days = _by_day(connection, scope)
        if not days:
            of_days = scope.since is not None or scope.until is not None
            raise SettingError(
                why_nothing(connection, models={scope.model}, subreddits=scope.subreddits, of_days=of_days)
            )
        known = {day: values for day, values in days.items() if day is not None}
        first, last = min(known, default=None), max(known, default=None)
        grain: Grain = "month" if first and last and (last - first).days >= BY_DAY else "day"
        thresholds = thresholds_of(connection, scope.model)
        return Summary(
            scope=scope,
            thresholds=thresholds,
            total=_tally(sum(days.values(), start=np.zeros(1))),
            untimed=int(days[None][0]) if None in days else 0,
            first=first,
            last=last,
            grain=grain,
            periods=_periods(known, grain),
            subreddit_count=_count_subreddits(connection, scope),
            subreddits=_by_subreddit(connection, scope, subreddits),
            unsupported=_count_unsupported(connection, scope),
            together=count_together(connection, sets_query(scope, thresholds)),
            examples=top_examples(connection, scope, examples) if examples else {},
        )


def _counts(one: Tally) -> dict[str, Any]:
    return {"comments": one.comments, "above": dict(zip(EMOTIONS, one.above, strict=True))}


def _by_day(connection: Connection, scope: Scope) -> dict[date | None, NDArray[np.float64]]:
    """Return the sums of each day: comments, probabilities, comments above the threshold."""
    table = scope.days
    query = select(table.c.day, *sums_of(table)).where(scope.sums(table)).group_by(table.c.day)
    return {day: _values(measures) for day, *measures in connection.execute(query)}


def _periods(days: Mapping[date, NDArray[np.float64]], grain: Grain) -> dict[date, Tally]:
    found: dict[date, NDArray[np.float64]] = defaultdict(lambda: np.zeros(1 + 3 * len(EMOTIONS)))
    for day, values in days.items():
        found[day if grain == "day" else day.replace(day=1)] += values
    return {start: _tally(found[start]) for start in sorted(found)}


def _by_subreddit(connection: Connection, scope: Scope, most: int) -> dict[str | None, Tally]:
    table = scope.subreddit_sums
    name, comments = table.c.subreddit, func.sum(table.c.comments)
    query = select(name, *sums_of(table)).where(scope.sums(table)).group_by(name)
    rows = connection.execute(query.order_by(comments.desc(), name).limit(most))
    return {subreddit: _tally(_values(measures)) for subreddit, *measures in rows}


def _count_subreddits(connection: Connection, scope: Scope) -> int:
    table = scope.subreddit_sums
    query = select(func.count(table.c.subreddit.distinct())).where(scope.sums(table))
    return connection.execute(query).scalar_one()


def _count_unsupported(connection: Connection, scope: Scope) -> dict[Reason, int]:
    reason = comment_emotion.c.unsupported
    query = select(reason, func.count()).where(scope.rows(), reason.is_not(None)).group_by(reason)
    found = {name: int(n) for name, n in connection.execute(query)}
    return {name: found.get(name, 0) for name in REASONS}


def _values(measures: Iterable[Any]) -> NDArray[np.float64]:
    return np.array([float(one) for one in measures])  # PostgreSQL adds counts up in decimals


def _tally(values: NDArray[np.float64]) -> Tally:
    comments, (sums, above, _) = int(values[0]), np.split(values[1:], 3)
    return Tally(
        comments=comments,
        above=tuple(above.astype(int).tolist()),
        means=tuple((sums / comments).tolist()),
    )
