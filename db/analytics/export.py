"""Result rows out of the store, into files that other programs read: in batches, so that memory stays flat.

Imports pyarrow's writers, which takes a while: to be imported by whoever exports.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import IO, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from moodmill.db.analytics.selection import OnRows, Selection, read_rows
from moodmill.db.core.formulas import FORMULA
from moodmill.db.database.store import Store

Form = Literal["parquet", "csv", "ndjson"]

#: What Hive calls the month of comments of an unknown time.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"


def export_file(
    store: Store, selection: Selection, form: Form, out: IO[bytes], on_rows: OnRows, *, safe_csv: bool = False
) -> int:
    """Write rows to an open file; return how many fields of a CSV a spreadsheet would take for formulas.

    `safe_csv` puts a ' before each of these, as spreadsheets mark text: they are then not what the store holds.
    """
    with read_rows(store, selection, on_rows) as rows:
        if form == "ndjson":
            encoder = msgspec.json.Encoder()
            for batch in rows:
                out.write(encoder.encode_lines(batch.to_pylist()))
            return 0
        formulas, kind = 0, parquet.ParquetWriter if form == "parquet" else csv.CSVWriter
        with kind(out, rows.schema) as writer:
            for batch in rows:
                if form == "csv" and not safe_csv:
                    formulas += _count_formulas(batch)
                writer.write_batch(_without_formulas(batch) if safe_csv else batch)
    return formulas


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


def export_folder(store: Store, selection: Selection, folder: Path, on_rows: OnRows) -> None:
    """Write rows as Parquet files into a folder for each month, named as Hive does: month=2024-03; a file a model."""
    writers: dict[str, parquet.ParquetWriter] = {}
    written: str | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with read_rows(store, selection, on_rows) as read, ExitStack() as stack:
        for batch in read:
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
                        writers[model] = stack.enter_context(parquet.ParquetWriter(out, read.schema))
                    writers[model].write_batch(rows.filter(pc.equal(rows.column("model"), model)))


def _months(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of each month in a batch, which has them one after the other."""
    months = [f"{one:%Y-%m}" if one else NO_MONTH for one in batch.column("created_at").to_pylist()]
    start = 0
    for month, found in groupby(months):
        rows = sum(1 for _ in found)
        yield month, batch.slice(start, rows)
        start += rows
