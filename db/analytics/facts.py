"""What a scope of a store holds: how many comments, of which time, and how many show any emotion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, func, select

from moodmill.db.analytics.cooccurrence import together_in
from moodmill.db.analytics.findings import as_sql
from moodmill.db.analytics.results import only_some, remarks
from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF, Group
from moodmill.db.results.models import thresholds_of


@dataclass(frozen=True, kw_only=True)
class EmotionFacts:
    """An emotion, and above which probability the model calls it present."""

    name: str
    group: Group
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The comments of a scope."""

    model: str
    comments: int
    #: Of these, those of an unknown time.
    untimed: int
    #: The first and last day with comments, in UTC; None where no time is known.
    first: date | None
    last: date | None
    subreddits: int
    emotions: tuple[EmotionFacts, ...]
    #: Comments of which is known what they show together: not those of days whose comments were deleted before that
    #: was counted. Of these, those with an emotion of each group, and with none.
    counted: int
    groups: Mapping[Group, int]
    none: int
    remarks: tuple[str, ...]
    #: As they were asked: of comments and days, of subreddits, of what is together.
    queries: tuple[str, ...]


def facts(connection: Connection, scope: Scope) -> Facts:
    """Return what a scope holds."""
    scope = scope.spelled(connection)
    table, named = scope.days, scope.subreddit_sums
    day = table.c.day
    asked = select(func.sum(table.c.comments), func.min(day), func.max(day)).where(scope.sums(table))
    comments, first, last = connection.execute(asked).one()
    untimed = select(func.sum(table.c.comments)).where(scope.sums(table), day.is_(None))
    known = select(func.count(func.lower(named.c.subreddit).distinct())).where(scope.sums(named))
    thresholds = thresholds_of(connection, scope.model)
    together, pairs = together_in(connection, scope, thresholds)
    return Facts(
        model=scope.model,
        comments=int(comments or 0),
        untimed=int(connection.scalar(untimed) or 0),
        first=first,
        last=last,
        subreddits=int(connection.scalar(known) or 0),
        emotions=tuple(EmotionFacts(name=name, group=GROUP_OF[name], threshold=thresholds[name]) for name in EMOTIONS),
        counted=together.comments,
        groups=together.groups,
        none=together.none,
        remarks=(*only_some(connection, scope, together.comments), *remarks(connection, scope)),
        queries=(*(as_sql(connection, query) for query in (asked, untimed, known)), pairs),
    )
