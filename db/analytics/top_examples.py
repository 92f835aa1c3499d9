"""The comments that show an emotion most clearly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import REAL, Connection, Row, cast, or_, select

from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion

#: Rows read at once: some 20 MB.
BATCH: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Example:
    """A comment and its probability of an emotion; the text only if the store kept it."""

    comment_id: str
    subreddit: str | None
    created_at: datetime | None
    text: str | None
    probability: float


def top_examples(connection: Connection, scope: Scope, each: int) -> dict[str, tuple[Example, ...]]:
    """Return the `each` comments of highest probability for each emotion, of equal texts one, of equals the first id.

    Texts that the model was not made for are left out.
    The first rows say how high a probability has to be to be among them, so that one more scan brings few rows.
    """
    best: dict[str, tuple[Example, ...]] = dict.fromkeys(EMOTIONS, ())
    rows = comment_emotion.c
    columns = (rows.comment_id, rows.subreddit, rows.created_at, rows.text, *(rows[name] for name in EMOTIONS))
    query = select(*columns).where(scope.rows(), rows.unsupported.is_(None))
    seen = 0
    with scope.reading(connection) as reader:
        for batch in reader.batches(query.limit(BATCH), BATCH):
            best = _better(best, batch, each)
            seen += len(batch)
        if seen < BATCH:
            return best
        high = or_(*(rows[name] >= cast(_least(best[name], each), REAL) for name in EMOTIONS))
        for batch in reader.batches(query.where(high), BATCH):
            best = _better(best, batch, each)
    return best


def _better(
    best: dict[str, tuple[Example, ...]], batch: Sequence[Row[Any]], each: int
) -> dict[str, tuple[Example, ...]]:
    """Return the best of what was the best and of a batch."""
    rows = sorted(batch, key=lambda row: row.comment_id)
    values = np.array([row[-len(EMOTIONS) :] for row in rows], dtype=np.float32)  # [n, 27]
    found = {}
    for name, column in zip(EMOTIONS, values.T, strict=True):
        high = np.flatnonzero(column >= np.float32(_least(best[name], each)))
        ordered = high[np.argsort(-column[high], kind="stable")].tolist()
        fresh = _distinct((_example(rows[at], float(column[at])) for at in ordered), each)
        found[name] = _distinct(sorted([*best[name], *fresh], key=_rank), each)
    return found


def _example(row: Row[Any], probability: float) -> Example:
    return Example(
        comment_id=row.comment_id,
        subreddit=row.subreddit,
        created_at=row.created_at,
        text=row.text,
        probability=probability,
    )


def _rank(one: Example) -> tuple[float, str]:
    return -one.probability, one.comment_id


def _distinct(ranked: Iterable[Example], each: int) -> tuple[Example, ...]:
    """Return the first `each`, of equal texts one."""
    found: dict[tuple[str | None, str], Example] = {}
    for one in ranked:
        found.setdefault((one.text, "" if one.text else one.comment_id), one)
        if len(found) == each:
            break
    return tuple(found.values())


def _least(best: Sequence[Example], each: int) -> float:
    """Return the probability that is needed to be among the best; 0 while there are fewer than wanted."""
    return best[-1].probability if len(best) == each else 0.0
