"""The emotions of a store's comments in one: how often, when, where, which together, and the clearest examples."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, func, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.facts import Facts, facts
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.reading import as_finding
from moodmill.db.analytics.results import heatmap, overview, trend
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.top_examples import top_examples
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.db.core.names import subreddit_key
from moodmill.db.core.unsupported import REASONS, Reason
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store

#: Subreddits that have a line of their own over time, and points that these have at most: more are illegible.
LINES: Final = 5
POINTS: Final = 300


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The comments of a scope in numbers. All but the last two comes from the roll-ups."""

    scope: Scope
    facts: Facts
    overview: Finding
    #: None where no time is known.
    trend: Finding | None
    #: Of the subreddits that were asked for, where these are several: each over time.
    subreddit_trend: Finding | None
    heatmap: Finding
    pairs: Finding
    #: Comments on which the model is not to be trusted, by why; the numbers above and below count them as well.
    unsupported: Mapping[Reason, int]
    #: By emotion, without these, the clearest first.
    examples: Mapping[str, Finding]

    def as_json(self) -> dict[str, Any]:
        """Return the numbers for scripts. Examples are left out."""
        held = asdict(self.facts)
        return {
            "model": self.scope.model,
            "comments": self.facts.comments,
            "comments_of_unknown_time": self.facts.untimed,
            "first_day": self.facts.first,
            "last_day": self.facts.last,
            "subreddits": self.facts.subreddits,
            "unsupported": dict(self.unsupported),
            "filters": {
                "subreddits": sorted(self.scope.subreddits),
                "since": self.scope.since,
                "until": self.scope.until,
            },
            "emotions": list(self.overview.records()),
            "grain": None if self.trend is None else self.trend.columns[2],
            "over_time": [] if self.trend is None else list(self.trend.records()),
            "by_subreddit": list(self.heatmap.records()),
            "together": {"comments": held["counted"], "none": held["none"], "groups": held["groups"]},
            "pairs": list(self.pairs.records()),
        }


def summarize(store: Store, scope: Scope, *, subreddits: int = 20, examples: int = 3) -> Summary:
    """Return the numbers of a scope at one moment, by roll-ups that are up to date.

    `subreddits` and `examples` (for each emotion) say how many at most. Raises SettingError where the scope holds no
    comment.
    """
    with store.reading() as connection:
        scope = scope.spelled(connection)
        held = facts(connection, scope)
        if not held.comments:
            raise SettingError(
                why_nothing(connection, models={scope.model}, subreddits=scope.subreddits, of_days=scope.is_of_days)
            )
        largest = heatmap(connection, scope, least=1, most=subreddits)
        over_time = None if held.first is None else trend(connection, scope, EMOTIONS, together=True)
        return Summary(
            scope=scope,
            facts=held,
            overview=overview(connection, scope),
            trend=over_time,
            subreddit_trend=over_time and _by_subreddit(connection, scope, over_time),
            heatmap=largest,
            pairs=pairs(connection, scope),
            unsupported=_count_unsupported(connection, scope),
            examples=_examples(connection, scope, examples) if examples else {},
        )


def _by_subreddit(connection: Connection, scope: Scope, over_time: Finding) -> Finding | None:
    """Return the subreddits that were asked for over time, each by itself: those with most comments."""
    names = {name.lower() for name in scope.names or ()}
    if len(names) < 2:
        return None
    periods = len(set(over_time.column(over_time.columns[2])))
    most = max(2, min(LINES, POINTS // periods))
    shown = list(dict.fromkeys(heatmap(connection, scope, least=1, most=most).column("subreddit")))
    finding = trend(connection, replace(scope, subreddits=frozenset(map(subreddit_key, shown)), names=None), EMOTIONS)
    left = len(names) - len(shown)
    said = (f"the {len(shown)} with most comments; {left} more have no line of their own",) if left else ()
    return replace(finding, remarks=(*said, *finding.remarks))


def _examples(connection: Connection, scope: Scope, each: int) -> dict[str, Finding]:
    return {name: as_finding(found) for name, found in top_examples(connection, scope, each).items()}


def _count_unsupported(connection: Connection, scope: Scope) -> dict[Reason, int]:
    reason = comment_emotion.c.unsupported
    query = select(reason, func.count()).where(scope.rows(), reason.is_not(None)).group_by(reason)
    with scope.reading(connection) as reader:
        found = {name: int(n) for name, n in reader.execute(query)}
    return {name: found.get(name, 0) for name in REASONS}
