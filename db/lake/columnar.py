"""Result rows as Parquet: how each column is kept, so that a row takes little room and readers skip what they can.

Imports pyarrow's writers, which takes a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.lake.rounding import Rounding

#: What Hive calls the month of comments of an unknown time.
NO_MONTH: Final = "__HIVE_DEFAULT_PARTITION__"
#: The types of columns of result rows that are no text.
_TYPES: Final = {
    "created_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(EMOTIONS, pa.float32()),
    "tokens": pa.int32(),
    "truncated": pa.bool_(),
    "text_hash": pa.int32(),
    "segments": pa.int32(),
}
#: Rows of a row group: what a reader may skip by its statistics, and what is in memory at once, some 20 MB.
GROUP: Final = 50_000
#: Of zstd, 1 to 22. Of 10,000 rows of the bundled model, with authors and times: 114 bytes a row by 3, 107 by 15, which
#: writes 130,000 rows/s on a core; 106 by 19, at half the speed.
LEVEL: Final = 15
#: Columns of few different values, or of values that come again.
_DICTIONARIES: Final = ("model", "source", "subreddit", "author", "tokens", "segments", "unsupported", "engine")
_ENCODINGS: Final = {"comment_id": "DELTA_BYTE_ARRAY", "created_at": "DELTA_BINARY_PACKED"}


def schema_of(columns: Iterable[str]) -> pa.Schema:
    """Return the schema of result rows with these columns."""
    return pa.schema([(name, _TYPES.get(name, pa.string())) for name in columns])


def as_batch(rows: Iterable[Sequence[Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows of a database as a record batch; there is one at least."""
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


@contextmanager
def row_writer(
    out: IO[bytes], schema: pa.Schema, rounding: Rounding | None = None, level: int = LEVEL
) -> Iterator[parquet.ParquetWriter]:
    """Yield what writes result rows as Parquet; a row group for each `write_batch` and `write_table`.

    Probabilities as they are lie byte beside like byte, which every reader that is not old undoes by itself; those of 8
    bits have so few values that a dictionary does better.
    """
    has_few_values = rounding is not None and rounding.bits == 8
    with parquet.ParquetWriter(
        out,
        schema,
        compression="zstd",
        compression_level=level,
        use_dictionary=[*_DICTIONARIES, *(EMOTIONS if has_few_values else ())],
        column_encoding=_ENCODINGS | ({} if has_few_values else dict.fromkeys(EMOTIONS, "BYTE_STREAM_SPLIT")),
        write_page_index=True,
    ) as writer:
        yield writer


def rounded(batch: pa.RecordBatch, rounding: Rounding) -> pa.RecordBatch:
    """Return rows with their probabilities rounded."""
    found = rounding.rounded(np.stack([batch.column(name).to_numpy() for name in EMOTIONS], axis=1))
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns |= {name: pa.array(found[:, at]) for at, name in enumerate(EMOTIONS)}
    return pa.record_batch([*columns.values()], schema=batch.schema)


def grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield rows that come in batches of any size in tables of a row group each."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= GROUP:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
