"""Result rows out of the store, into files that other programs read: in batches, so that memory stays flat.

Imports pyarrow's writers, which takes a while: to be imported by whoever exports.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet
from sqlalchemy import Select, select

from moodmill.db.analytics.absence import why_nothing
from moodmill.db.analytics.export_mark import COLUMNS, MARK
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.filters import rows_within
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store

Form = Literal["parquet", "csv", "ndjson"]
#: Hears how many rows are written so far.
OnRows = Callable[[int], None]

#: Rows read and written at once: some 20 MB.
BATCH: Final = 50_000
_TYPES: Final = {
    "created_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(EMOTIONS, pa.float32()),
    "tokens": pa.int32(),
    "truncated": pa.bool_(),
    "segments": pa.int32(),
}
SCHEMA: Final = pa.schema([(name, _TYPES.get(name, pa.string())) for name in COLUMNS], metadata=MARK)
#: How a field begins that a spreadsheet takes for a formula, and runs when the file is opened (OWASP, "CSV Injection").
_FORMULA: Final = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
#: What Hive calls the month of comments of an unknown time.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True)
class Wanted:
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


def export_file(
    store: Store, wanted: Wanted, form: Form, out: IO[bytes], on_rows: OnRows, *, safe_csv: bool = False
) -> int:
    """Write rows to an open file; return how many fields of a CSV a spreadsheet would take for formulas.

    `safe_csv` puts a ' before each of these, as spreadsheets mark text: they are then not what the store holds.
    """
    batches = _batches(store, wanted, on_rows)
    if form == "ndjson":
        encoder = msgspec.json.Encoder()
        for batch in batches:
            out.write(encoder.encode_lines(batch.to_pylist()))
        return 0
    formulas = 0
    with parquet.ParquetWriter(out, SCHEMA) if form == "parquet" else csv.CSVWriter(out, SCHEMA) as writer:
        for batch in batches:
            if form == "csv" and safe_csv:
                batch = _without_formulas(batch)
            elif form == "csv":
                formulas += _count_formulas(batch)
            writer.write_batch(batch)
    return formulas


def _texts(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.Array]]:
    return ((at, column) for at, column in enumerate(batch.columns) if pa.types.is_string(column.type))


def _count_formulas(batch: pa.RecordBatch) -> int:
    found = (pc.sum(pc.match_substring_regex(column, _FORMULA)).as_py() for _, column in _texts(batch))
    return sum(n or 0 for n in found)


def _without_formulas(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = list(batch.columns)
    for at, column in _texts(batch):
        columns[at] = pc.replace_substring_regex(column, f"({_FORMULA})", r"'\1")
    return pa.record_batch(columns, schema=batch.schema)


def why_no_rows(store: Store, wanted: Wanted) -> str:
    """Return what to say where no row is wanted."""
    of_days = wanted.since is not None or wanted.until is not None
    with store.reading() as connection:
        return why_nothing(connection, models=wanted.models, subreddits=wanted.subreddits, of_days=of_days)


def export_folder(store: Store, wanted: Wanted, folder: Path, on_rows: OnRows) -> None:
    """Write rows as Parquet files into a folder for each month, named as Hive does: month=2024-03; a file a model."""
    writers: dict[str, parquet.ParquetWriter] = {}
    written: str | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for batch in _batches(store, wanted, on_rows):
            for month, rows in _months(batch):
                if month != written:  # they come by time: the files of one month are open at once
                    stack.close()
                    writers.clear()
                    written = month
                for model in pc.unique(rows.column("model")).to_pylist():
                    if model not in writers:
                        file = folder / f"month={month}" / f"{sha256(model.encode()).hexdigest()[:12]}.parquet"
                        file.parent.mkdir(parents=True, exist_ok=True)
                        out = stack.enter_context(file.open("wb"))
                        writers[model] = stack.enter_context(parquet.ParquetWriter(out, SCHEMA))
                    writers[model].write_batch(rows.filter(pc.equal(rows.column("model"), model)))


def _months(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each month in a batch, which has them one after the other."""
    months = [f"{one:%Y-%m}" if one else NO_MONTH for one in batch.column("created_at").to_pylist()]
    start = 0
    for month, found in groupby(months):
        rows = sum(1 for _ in found)
        yield month, batch.slice(start, rows)
        start += rows


def _batches(store: Store, wanted: Wanted, on_rows: OnRows) -> Iterator[pa.RecordBatch]:
    done = 0
    with store.reading() as connection:
        found = connection.execution_options(stream_results=True, max_row_buffer=BATCH).execute(wanted.query())
        for rows in found.partitions(BATCH):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
            yield pa.record_batch(arrays, schema=SCHEMA)
            done += len(rows)
            on_rows(done)
