"""Moves the rows of a store from its table into a lake: copied first, then named and deleted in one transaction."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Select, delete, func, select, text

from moodmill.db.core.days import midnight, next_month
from moodmill.db.core.errors import StoreAwayError, StoreError
from moodmill.db.database.schema import chunk, comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.lake.columnar import as_batch
from moodmill.db.lake.folder import LakeFolder
from moodmill.db.lake.lake import Lake, begin_lake, lake_of, refuse_taken
from moodmill.db.lake.manifest import LakeFile, add_files
from moodmill.db.lake.merging import write_files
from moodmill.db.lake.rows import SCHEMA

#: Rows that are read at once.
_BATCH: Final = 20_000
_rows: Final = comment_emotion.c


def move_in(store: Store, address: str, on_rows: Callable[[int], None] = lambda _: None) -> tuple[Lake, int]:
    """Move all rows into a lake that the store has from then on; return it, and how many rows these were.

    Killed at any moment, the rows are where they were, or all in the lake. Raises StoreError where the store has a
    lake, the folder is another's, or runs are under way; StoreAwayError where rows came in meanwhile.
    """
    if lake_of(store) is not None:
        raise StoreError(f"the rows of {store.shown} are in a lake already")
    folder = LakeFolder(address)
    refuse_taken(store, folder)
    with store.reading() as connection:
        before = _state(connection)
        pending = int(connection.scalar(select(func.count()).where(chunk.c.state == "pending")) or 0)
    if pending:
        raise StoreError(f"{pending:,} chunks are pending: let their runs finish, or cancel them")
    to = Lake(store, "", folder)
    files: list[LakeFile] = []
    done = 0
    for model, month in _parts(store):
        for file in write_files(to, model, month, _batches(store, model, month)):
            files.append(file)
            done += file.rows
            on_rows(done)

    def flip(connection: Connection) -> None:
        if _state(connection) != before:
            raise StoreAwayError("rows came in while they were moved: nothing is changed, begin again")
        add_files(connection, files)
        if connection.dialect.name == "sqlite":
            connection.execute(delete(comment_emotion))
        else:
            connection.execute(text(f"truncate table {comment_emotion.name}"))

    return begin_lake(store, folder, flip), done


def _state(connection: Connection) -> tuple[Any, ...]:
    """Return what changes with the rows: how many there are, and how many chunks are done."""
    rows = connection.scalar(select(func.count()).select_from(comment_emotion))
    done = connection.execute(select(func.count(), func.max(chunk.c.done_at)).where(chunk.c.state == "done")).one()
    return int(rows or 0), int(done[0]), done[1]


def _parts(store: Store) -> Iterator[tuple[str, date | None]]:
    """Yield each model and month that has rows; the month is None for comments of an unknown time."""
    with store.reading() as connection:
        models = list(connection.scalars(select(_rows.model).distinct().order_by(_rows.model)))
        found: list[tuple[str, date | None]] = []
        for model in models:
            of_model = _rows.model == model
            first = connection.scalar(select(func.min(_rows.created_at)).where(of_model))
            while first is not None:
                month = first.date().replace(day=1)
                found.append((model, month))
                if month == date.max.replace(day=1):
                    break
                later = select(func.min(_rows.created_at)).where(
                    of_model, _rows.created_at >= midnight(next_month(month))
                )
                first = connection.scalar(later)
            undated = select(_rows.comment_id).where(of_model, _rows.created_at.is_(None)).limit(1)
            if connection.scalar(undated) is not None:
                found.append((model, None))
    yield from found


def _batches(store: Store, model: str, month: date | None) -> Iterator[pa.RecordBatch]:
    query: Select[Any] = select(*(_rows[name] for name in SCHEMA.names)).where(_rows.model == model)
    if month is None:
        query = query.where(_rows.created_at.is_(None))
    else:
        query = query.where(_rows.created_at >= midnight(month))
        if month != date.max.replace(day=1):
            query = query.where(_rows.created_at < midnight(next_month(month)))
    with store.reading() as connection:
        subreddit, comment_id = (
            (_rows.subreddit.collate("C"), _rows.comment_id.collate("C"))  # by bytes
            if connection.dialect.name == "postgresql"
            else (_rows.subreddit, _rows.comment_id)
        )
        query = query.order_by(_rows.subreddit.is_not(None), subreddit, _rows.created_at, comment_id)
        streamed = query.execution_options(stream_results=True, max_row_buffer=_BATCH)
        for rows in connection.execute(streamed).partitions(_BATCH):
            yield as_batch(rows, SCHEMA)
