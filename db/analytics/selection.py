"""Rows of the store that somebody asks for, as Arrow record batches: memory stays flat however many there are.

Imports pyarrow, which takes a while: to be imported by whoever reads rows.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Select, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.export_mark import COLUMNS, KEY, MARK
from moodmill.db.core.conditions import rows_within
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion, model_threshold
from moodmill.db.database.store import Store

#: Gets how many rows are read so far.
OnRows = Callable[[int], None]

#: Rows read at once: some 20 MB.
BATCH: Final = 50_000
_TYPES: Final = {
    "created_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(EMOTIONS, pa.float32()),
    "tokens": pa.int32(),
    "truncated": pa.bool_(),
    "segments": pa.int32(),
}
#: Of any selection; that of one says in its metadata besides which models are in it, and their thresholds.
SCHEMA: Final = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS], metadata=MARK)


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which rows; None and empty ask for all."""

    models: frozenset[str] = frozenset()
    #: However they are spelled.
    subreddits: frozenset[str] = frozenset()
    #: The first moment wanted, and the first no more wanted.
    since: datetime | None = None
    until: datetime | None = None
    #: Without the texts that the model was not made for.
    supported_only: bool = False

    def query(self) -> Select[Any]:
        """Return the rows by time, in an order that is the same each time."""
        rows = comment_emotion.c
        query = select(*(rows[name] for name in SCHEMA.names))
        if self.models:
            query = query.where(rows.model.in_(self.models))
        if self.supported_only:
            query = query.where(rows.unsupported.is_(None))
        query = query.where(*rows_within(comment_emotion, rows.created_at, self.subreddits, self.since, self.until))
        return query.order_by(rows.created_at, rows.comment_id, rows.model)


@contextmanager
def read_rows(store: Store, selection: Selection, on_rows: OnRows = lambda _: None) -> Iterator[pa.RecordBatchReader]:
    """Yield what reads the selected rows, in one transaction that lasts as long as the context.

    The metadata of its schema hold, as JSON under the key `moodmill`, each model's thresholds: an emotion counts as
    found where its probability is above.
    """
    with store.reading() as connection:
        schema = SCHEMA.with_metadata({KEY: _metadata(connection, selection)})
        yield pa.RecordBatchReader.from_batches(schema, _batches(connection, selection, schema, on_rows))


def why_no_rows(store: Store, selection: Selection) -> str:
    """Return what to say where no row is selected."""
    of_days = selection.since is not None or selection.until is not None
    with store.reading() as connection:
        return why_nothing(connection, models=selection.models, subreddits=selection.subreddits, of_days=of_days)


def _metadata(connection: Connection, selection: Selection) -> bytes:
    known = select(model_threshold).order_by(model_threshold.c.model, model_threshold.c.emotion)
    if selection.models:
        known = known.where(model_threshold.c.model.in_(selection.models))
    models: dict[str, dict[str, float]] = {}
    for row in connection.execute(known):
        models.setdefault(row.model, {})[row.emotion] = row.threshold
    return json.dumps({**json.loads(MARK[KEY]), "thresholds": models}).encode()


def _batches(
    connection: Connection, selection: Selection, schema: pa.Schema, on_rows: OnRows
) -> Iterator[pa.RecordBatch]:
    done = 0
    found = connection.execution_options(stream_results=True, max_row_buffer=BATCH).execute(selection.query())
    for rows in found.partitions(BATCH):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.record_batch(arrays, schema=schema)
        done += len(rows)
        on_rows(done)
