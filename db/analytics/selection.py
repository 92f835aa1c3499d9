"""Rows of the store that somebody asks for, as Arrow record batches: memory stays flat however many there are.

Imports pyarrow, which takes a while: to be imported by whoever reads rows.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, func, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.export_mark import COLUMNS, KEY, MARK
from moodmill.db.core.conditions import rows_within
from moodmill.db.core.days import midnight, next_month
from moodmill.db.database.schema import comment_emotion, model_threshold
from moodmill.db.database.store import Store
from moodmill.db.lake.columnar import schema_of
from moodmill.db.results.row_reader import RowReader, row_reader

#: Gets how many rows are read so far.
OnRows = Callable[[int], None]

#: Rows read at once: some 20 MB.
BATCH: Final = 50_000
#: Of any selection; that of one says in its metadata besides which models are in it, and their thresholds.
SCHEMA: Final = schema_of(COLUMNS).with_metadata(MARK)


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

    def by_time(self) -> Select[Any]:
        """Return the rows by time, in an order that is the same each time."""
        rows = comment_emotion.c
        return self._query().order_by(rows.created_at, rows.comment_id, rows.model)

    def by_months(self, reader: RowReader) -> Iterator[Select[Any]]:
        """Yield the rows of each month, by model, subreddit and time; those of no time last."""
        rows = comment_emotion.c
        # By their bytes, as readers of Parquet compare texts to know what they may skip.
        subreddit: ColumnElement[Any] = rows.subreddit
        if reader.connection is not None and reader.connection.dialect.name == "postgresql":
            subreddit = rows.subreddit.collate("C")
        query = self._query().order_by(rows.model, subreddit, rows.created_at, rows.comment_id)
        for month in _months(reader, self.since, self.until):
            last = next_month(month) if month < date.max.replace(day=1) else None
            held = [rows.created_at >= midnight(month), *([rows.created_at < midnight(last)] if last else [])]
            yield query.where(*held)
        if self.since is None and self.until is None:
            yield query.where(rows.created_at.is_(None))

    def _query(self) -> Select[Any]:
        rows = comment_emotion.c
        query = select(*(rows[name] for name in SCHEMA.names))
        if self.models:
            query = query.where(rows.model.in_(self.models))
        if self.supported_only:
            query = query.where(rows.unsupported.is_(None))
        return query.where(*rows_within(comment_emotion, rows.created_at, self.subreddits, self.since, self.until))


@contextmanager
def read_rows(
    store: Store, selection: Selection, on_rows: OnRows = lambda _: None, *, by_months: bool = False
) -> Iterator[pa.RecordBatchReader]:
    """Yield what reads the selected rows, in one transaction that lasts as long as the context.

    They come by time; `by_months`: month after month, each by model, subreddit and time.

    The metadata of its schema hold, as JSON under the key `moodmill`, each model's thresholds: an emotion counts as
    found where its probability is above.
    """
    with store.reading() as connection:
        schema = SCHEMA.with_metadata({KEY: _metadata(connection, selection)})
        with row_reader(connection, models=selection.models, since=selection.since, until=selection.until) as reader:
            queries = selection.by_months(reader) if by_months else [selection.by_time()]
            yield pa.RecordBatchReader.from_batches(schema, _batches(reader, queries, schema, on_rows))


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
    reader: RowReader, queries: Iterable[Select[Any]], schema: pa.Schema, on_rows: OnRows
) -> Iterator[pa.RecordBatch]:
    done = 0
    for query in queries:
        for batch in reader.arrow(query, schema, BATCH):
            yield batch
            done += len(batch)
            on_rows(done)


def _months(reader: RowReader, since: datetime | None, until: datetime | None) -> Iterator[date]:
    """Yield the months that have rows of any kind, by their first days: as many looks into an index."""
    moment = comment_emotion.c.created_at
    first = since
    while True:
        earliest = select(func.min(moment))
        if first is not None:
            earliest = earliest.where(moment >= first)
        if until is not None:
            earliest = earliest.where(moment < until)
        found: datetime | None = reader.scalar(earliest)
        if found is None:
            return
        month = found.astimezone(UTC).date().replace(day=1)
        yield month
        if month == date.max.replace(day=1):
            return
        first = midnight(next_month(month))
