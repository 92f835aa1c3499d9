"""Which emotions occur together, counted over the rows: the roll-ups know each emotion by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Integer, case, literal, select

from moodmill.db.analytics.scope import Scope, in_batches
from moodmill.db.core.emotions import EMOTIONS, GROUPS, Group
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


def count_together(
    connection: Connection,
    scope: Scope,
    thresholds: Mapping[str, float],
    on_rows: Callable[[int], None] = lambda _: None,
) -> CoOccurrence:
    """Count each pair of emotions over all rows of a scope; `on_rows` gets how many are counted so far."""
    comments = none = 0
    groups: dict[Group, int] = dict.fromkeys(GROUPS, 0)
    pairs = np.zeros((len(EMOTIONS), len(EMOTIONS)), dtype=np.int64)
    # A number a row is a tenth of the way of 27 probabilities, and of their comparison here.
    for batch in in_batches(connection, select(_emotions(thresholds)).where(scope.rows())):
        sets = np.fromiter((row[0] for row in batch), dtype=np.int64, count=len(batch))
        found = (sets[:, None] & _BITS) != 0
        exact = found.astype(np.float32)  # a batch has fewer rows than a single counts exactly
        pairs += (exact.T @ exact).astype(np.int64)
        for group, names in GROUPS.items():
            groups[group] += int(found[:, [EMOTIONS.index(name) for name in names]].any(axis=1).sum())
        none += int((sets == 0).sum())
        comments += len(batch)
        on_rows(comments)
    return CoOccurrence(comments=comments, none=none, groups=groups, pairs=pairs)


def _emotions(thresholds: Mapping[str, float]) -> ColumnElement[Any]:
    """Return a row's set of emotions in SQL: a number, with the bit of each emotion that is above its threshold."""
    bits = (case((is_above(name, thresholds[name]), 1 << number), else_=0) for number, name in enumerate(EMOTIONS))
    return sum(bits, start=literal(0, Integer))
