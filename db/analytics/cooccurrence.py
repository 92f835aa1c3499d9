"""Which emotions are in comments together: each pair of the 27, each group, and none."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Integer, Select, case, func, literal, select

from moodmill.db.analytics.findings import as_sql
from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS, GROUPS, Group
from moodmill.db.database.schema import comment_emotion, rollup_emotion_pair_day
from moodmill.db.results.models import is_above

#: What stands in the roll-up besides emotions and groups: comments with none of the 27, and all comments.
NONE: Final = "none"
ALL: Final = "all"
#: The bit of each emotion in a comment's set of emotions.
_BITS: Final = np.int64(1) << np.arange(len(EMOTIONS))


@dataclass(frozen=True, kw_only=True)
class CoOccurrence:
    """Comments by what is above the model's thresholds in them."""

    comments: int
    #: No emotion is.
    none: int
    #: At least one emotion of the group is.
    groups: Mapping[Group, int]
    #: [27, 27], in the order of EMOTIONS: both emotions are; on the diagonal, the one is.
    pairs: NDArray[np.int64]

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Yield what the roll-up holds: two names in the order of EMOTIONS, or twice the same, and the comments."""
        yield ALL, ALL, self.comments
        yield NONE, NONE, self.none
        for group, comments in self.groups.items():
            yield group, group, comments
        for at, name in enumerate(EMOTIONS):
            for of in np.flatnonzero(self.pairs[at, at:]).tolist():
                yield name, EMOTIONS[at + of], int(self.pairs[at, at + of])


def emotion_set(thresholds: Mapping[str, float]) -> ColumnElement[Any]:
    """Return a row's set of emotions in SQL: a number, with the bit of each emotion that is above its threshold."""
    bits = (case((is_above(name, thresholds[name]), 1 << number), else_=0) for number, name in enumerate(EMOTIONS))
    return sum(bits, start=literal(0, Integer))


def sets_query(thresholds: Mapping[str, float], held: ColumnElement[bool]) -> Select[Any]:
    """Ask for each set of emotions among some rows, and its comments: a tenth of the way of comparing them here."""
    found = emotion_set(thresholds)
    query = select(found.label("emotion_set"), func.count().label("comments")).select_from(comment_emotion)
    return query.where(held).group_by(found)


def count_sets(rows: Iterable[Any]) -> CoOccurrence:
    """Count each pair of emotions in the answer to a `sets_query`."""
    counted = list(rows)
    sets = np.array([row[0] for row in counted], dtype=np.int64)
    comments = np.array([int(row[1]) for row in counted], dtype=np.int64)
    found = (sets[:, None] & _BITS) != 0  # [sets, 27]
    return CoOccurrence(
        comments=int(comments.sum()),
        none=int(comments[sets == 0].sum()),
        groups={
            group: int(comments[found[:, [EMOTIONS.index(name) for name in names]].any(axis=1)].sum())
            for group, names in GROUPS.items()
        },
        pairs=(found * comments[:, None]).T @ found.astype(np.int64),
    )


def together_in(connection: Connection, scope: Scope, thresholds: Mapping[str, float]) -> tuple[CoOccurrence, str]:
    """Return which emotions of a scope are together, and the query that says so.

    Of all subreddits by the roll-up, which also knows days whose comments were deleted; of some by the rows.
    """
    if scope.subreddits:
        query = sets_query(thresholds, scope.rows())
        with scope.reading(connection) as reader:
            return count_sets(reader.execute(query)), reader.as_sql(query)
    table = rollup_emotion_pair_day
    key: list[ColumnElement[Any]] = [table.c.emotion, table.c.other]
    added: Select[Any] = select(*key, func.sum(table.c.comments).label("comments"))
    query = added.where(scope.sums(table)).group_by(*key)
    counts = {(row.emotion, row.other): int(row.comments) for row in connection.execute(query)}
    pairs = np.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=np.int64)
    for (one, other), comments in counts.items():
        if one in EMOTIONS:
            pairs[EMOTIONS.index(one), EMOTIONS.index(other)] = comments
    pairs = np.maximum(pairs, pairs.T)
    groups = {group: counts.get((group, group), 0) for group in GROUPS}
    every, none = (counts.get((name, name), 0) for name in (ALL, NONE))
    return CoOccurrence(comments=every, none=none, groups=groups, pairs=pairs), as_sql(connection, query)
