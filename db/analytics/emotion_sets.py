"""Which emotions are in a comment together: sets of emotions, each a number, and how many comments have each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Integer, Select, case, func, literal, select

from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS, GROUPS, Group
from moodmill.db.database.schema import comment_emotion, rollup_emotion_set_day
from moodmill.db.results.models import is_above

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


def emotion_set(thresholds: Mapping[str, float]) -> ColumnElement[Any]:
    """Return a row's set of emotions in SQL: a number, with the bit of each emotion that is above its threshold."""
    bits = (case((is_above(name, thresholds[name]), 1 << number), else_=0) for number, name in enumerate(EMOTIONS))
    return sum(bits, start=literal(0, Integer))


def sets_query(scope: Scope, thresholds: Mapping[str, float]) -> Select[Any]:
    """Ask for each set of emotions of a scope, and its comments: of all subreddits by roll-up, of some by the rows."""
    sets = rollup_emotion_set_day
    if not scope.subreddits:
        query = select(sets.c.emotion_set, func.sum(sets.c.comments).label("comments")).where(scope.sums(sets))
        return query.group_by(sets.c.emotion_set)
    found = emotion_set(thresholds)
    query = select(found.label("emotion_set"), func.count().label("comments")).select_from(comment_emotion)
    return query.where(scope.rows()).group_by(found)


def count_together(connection: Connection, query: Select[Any]) -> CoOccurrence:
    """Count each pair of emotions, by the answer to a `sets_query`."""
    rows = connection.execute(query).all()
    sets = np.array([row.emotion_set for row in rows], dtype=np.int64)
    comments = np.array([int(row.comments) for row in rows], dtype=np.int64)
    found = (sets[:, None] & _BITS) != 0  # [sets, 27]
    weighted = found * comments[:, None]
    return CoOccurrence(
        comments=int(comments.sum()),
        none=int(comments[sets == 0].sum()),
        groups={
            group: int(comments[found[:, [EMOTIONS.index(name) for name in names]].any(axis=1)].sum())
            for group, names in GROUPS.items()
        },
        pairs=weighted.T @ found.astype(np.int64),
    )
