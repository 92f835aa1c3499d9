"""Result rows as the files of a lake hold them.

Imports pyarrow, which takes a while: to be imported by whoever reads or writes a lake.
"""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import other_id
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion
from moodmill.db.lake.columnar import row_writer, schema_of

#: The columns of a result row.
COLUMNS: Final = tuple(column.name for column in comment_emotion.c)
SCHEMA: Final = schema_of(COLUMNS)
#: What rows say besides until they are merged: the id to keep a row under where its own has another text, null where
#: the first text stays; and whether it replaces one of the same text.
INCOMING_SCHEMA: Final = SCHEMA.append(pa.field("other_id", pa.string())).append(pa.field("replaces", pa.bool_()))
#: Of zstd, for files that are there until they are merged: a row takes 114 bytes in place of 107, at 6 times the speed.
INCOMING_LEVEL: Final = 3


def as_table(parts: Sequence[Classified]) -> pa.Table:
    """Return what is to be stored of some comments as a table of INCOMING_SCHEMA."""
    return pa.Table.from_batches([_as_batch(part) for part in parts], INCOMING_SCHEMA)


def as_parquet(rows: pa.Table, level: int = INCOMING_LEVEL) -> bytes:
    """Return a table as the bytes of a file, in one row group."""
    out = io.BytesIO()
    with row_writer(out, rows.schema, level=level) as writer:
        writer.write_table(rows)
    return out.getvalue()


def span(moments: Iterable[pa.Array]) -> tuple[datetime | None, datetime | None, bool]:
    """Return the first and the last of some times, and whether any is unknown."""
    first = last = None
    undated = False
    for some in moments:
        ends = pc.min_max(some).as_py()
        undated = undated or some.null_count > 0
        if ends["min"] is not None:
            first = ends["min"] if first is None else min(first, ends["min"])
            last = ends["max"] if last is None else max(last, ends["max"])
    return first, last, undated


def _as_batch(part: Classified) -> pa.RecordBatch:
    comments = part.comments
    n = len(comments)
    columns: dict[str, Any] = {
        "comment_id": [comment.id for comment in comments],
        "subreddit": [comment.subreddit for comment in comments],
        "author": [comment.author for comment in comments],
        "created_at": [comment.created_at for comment in comments],
        "tokens": part.tokens,
        "truncated": part.truncated,
        "segments": part.segments,
        "text_hash": part.text_hashes,
        "text": [comment.text for comment in comments] if part.keep_text else None,
        "unsupported": part.unsupported,
        "other_id": [other_id(comment.id, comment.text) for comment in comments] if part.ids == "table" else None,
        **{name: np.ascontiguousarray(part.probabilities[:, at]) for at, name in enumerate(EMOTIONS)},
    }
    same = {"model": part.model, "engine": str(part.engine), "source": part.source, "replaces": part.replaces}
    columns |= {name: pa.repeat(value, n) for name, value in same.items()}
    arrays = [
        pa.nulls(n, field.type)
        if columns[field.name] is None
        else columns[field.name].cast(field.type)
        if isinstance(columns[field.name], pa.Array)
        else pa.array(columns[field.name], field.type)
        for field in INCOMING_SCHEMA
    ]
    return pa.record_batch(arrays, schema=INCOMING_SCHEMA)
