"""Result rows out of the store, into files that other programs read: in batches, so that memory stays flat.

Imports pyarrow's writers, which takes a while: to be imported by whoever exports.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import IO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from moodmill.db.analytics.export_mark import KEY
from moodmill.db.analytics.selection import OnRows, Selection, read_rows
from moodmill.db.core.formulas import FORMULA
from moodmill.db.database.store import Store
from moodmill.db.lake.columnar import NO_MONTH, grouped, rounded, row_writer
from moodmill.db.lake.rounding import Rounding


def export_parquet(
    store: Store, selection: Selection, out: IO[bytes], on_rows: OnRows, rounding: Rounding | None = None
) -> None:
    """Write rows to an open file as Parquet: month after month, each by model, subreddit and time."""
    with (
        read_rows(store, selection, on_rows, by_months=True) as rows,
        row_writer(out, _schema(rows.schema, rounding), rounding) as writer,
    ):
        for group in grouped(_rounded(rows, rounding)):
            writer.write_table(group)


def export_ndjson(store: Store, selection: Selection, out: IO[bytes], on_rows: OnRows) -> None:
    """Write rows to an open file as JSON, a line each, by time."""
    encoder = msgspec.json.Encoder()
    with read_rows(store, selection, on_rows) as rows:
        for batch in rows:
            out.write(encoder.encode_lines(batch.to_pylist()))


def export_csv(
    store: Store, selection: Selection, out: IO[bytes], on_rows: OnRows, *, without_formulas: bool = False
) -> int:
    """Write rows to an open file as CSV, by time; return how many fields a spreadsheet would take for formulas.

    `without_formulas` puts a ' before each of these, as spreadsheets mark text: they are then not what the store holds.
    """
    formulas = 0
    with read_rows(store, selection, on_rows) as rows, csv.CSVWriter(out, rows.schema) as writer:
        for batch in rows:
            formulas += 0 if without_formulas else _count_formulas(batch)
            writer.write_batch(_without_formulas(batch) if without_formulas else batch)
    return formulas


def _schema(schema: pa.Schema, rounding: Rounding | None) -> pa.Schema:
    """Return the schema of a file, which says how its probabilities are rounded."""
    if rounding is None:
        return schema
    said = json.loads(schema.metadata[KEY]) | {"bits": rounding.bits}
    return schema.with_metadata({KEY: json.dumps(said).encode()})


def _rounded(rows: Iterable[pa.RecordBatch], rounding: Rounding | None) -> Iterator[pa.RecordBatch]:
    return (batch if rounding is None else rounded(batch, rounding) for batch in rows)


def _texts(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.Array]]:
    return ((at, column) for at, column in enumerate(batch.columns) if pa.types.is_string(column.type))


def _count_formulas(batch: pa.RecordBatch) -> int:
    found = (pc.sum(pc.match_substring_regex(column, FORMULA)).as_py() for _, column in _texts(batch))
    return sum(n or 0 for n in found)


def _without_formulas(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = list(batch.columns)
    for at, column in _texts(batch):
        columns[at] = pc.replace_substring_regex(column, f"({FORMULA})", r"'\1")
    return pa.record_batch(columns, schema=batch.schema)


def export_folder(
    store: Store, selection: Selection, folder: Path, on_rows: OnRows, rounding: Rounding | None = None
) -> None:
    """Write rows as Parquet files into a folder for each month, named as Hive does: month=2024-03; a file a model.

    Each is by subreddit and time.
    """
    writers: dict[str, parquet.ParquetWriter] = {}
    written: str | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with read_rows(store, selection, on_rows, by_months=True) as read, ExitStack() as stack:
        schema = _schema(read.schema, rounding)
        for batch in _rounded(read, rounding):
            for month, rows in _months(batch):
                if month != written:  # the files of one month are open at once
                    stack.close()
                    writers.clear()
                    written = month
                for model in pc.unique(rows.column("model")).to_pylist():
                    if model not in writers:
                        file = folder / f"month={month}" / f"{sha256(model.encode()).hexdigest()[:12]}.parquet"
                        file.parent.mkdir(parents=True, exist_ok=True)
                        out = stack.enter_context(file.open("wb"))
                        writers[model] = stack.enter_context(row_writer(out, schema, rounding))
                    writers[model].write_batch(rows.filter(pc.equal(rows.column("model"), model)))


def _months(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each month in a batch, which has them one after the other."""
    months = [f"{one:%Y-%m}" if one else NO_MONTH for one in batch.column("created_at").to_pylist()]
    start = 0
    for month, found in groupby(months):
        rows = sum(1 for _ in found)
        yield month, batch.slice(start, rows)
        start += rows
