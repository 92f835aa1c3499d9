"""Bulk rows into PostgreSQL by binary COPY, encoded with numpy.

The format: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format". A row is its number of fields, then
each field as its length in bytes and its bytes, all big-endian. The fixed-width fields of all rows are laid out at once
by a structured dtype that holds the lengths too; only the strings are encoded one by one.
"""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from moodmill.db.core.classified import Classified
from moodmill.db.core.emotions import EMOTIONS

_HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_TRAILER = struct.pack(">h", -1)
_NULL = struct.pack(">i", -1)
#: Timestamps are microseconds from here.
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_FIXED = np.dtype(
    [field for name in EMOTIONS for field in ((f"{name}_bytes", ">i4"), (name, ">f4"))]
    + [("tokens_bytes", ">i4"), ("tokens", ">i4"), ("truncated_bytes", ">i4"), ("truncated", "?")]
    + [("text_hash_bytes", ">i4"), ("text_hash", ">i4"), ("segments_bytes", ">i4"), ("segments", ">i4")]
)


def copy_rows(connection: Connection, classified: Classified, columns: Sequence[str]) -> int:
    """Copy into a temporary table, then insert those that are new, in this transaction; return how many were.

    Rows of an earlier call in the same transaction are still in the temporary table; in the store they are by now.
    """
    names = ", ".join(columns)
    connection.execute(
        text(
            f"create temporary table if not exists incoming on commit drop as "  # noqa: S608 - constant names
            f"select {names} from comment_emotion with no data"
        )
    )
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        with cursor.copy(f"copy incoming ({names}) from stdin (format binary)") as copy:
            copy.write(encode(classified, len(columns)))
        cursor.execute(
            f"insert into comment_emotion ({names}) select {names} from incoming on conflict do nothing"  # noqa: S608
        )
        return int(cursor.rowcount)


def encode(classified: Classified, fields: int) -> bytes:
    """Return the rows as a binary COPY stream: the strings and the time first, the fixed-width fields after them."""
    count = struct.pack(">h", fields)
    of_all = b"".join(map(_string, (classified.model, str(classified.engine), classified.source)))
    fixed = _fixed(classified).tobytes()
    width = _FIXED.itemsize
    rows = [
        b"".join(
            (
                count,
                _string(comment.id),
                of_all,
                _string(comment.subreddit),
                _string(comment.author),
                _time(comment.created_at),
                _string(comment.text if classified.keep_text else None),
                _string(classified.unsupported[row]),
                fixed[row * width : (row + 1) * width],
            )
        )
        for row, comment in enumerate(classified.comments)
    ]
    return b"".join((_HEADER, *rows, _TRAILER))


def _fixed(classified: Classified) -> np.ndarray[Any, Any]:
    rows = np.empty(len(classified.comments), dtype=_FIXED)
    for column, name in enumerate(EMOTIONS):
        rows[f"{name}_bytes"] = 4
        rows[name] = classified.probabilities[:, column]
    rows["tokens_bytes"], rows["tokens"] = 4, classified.tokens
    rows["truncated_bytes"], rows["truncated"] = 1, classified.truncated
    rows["text_hash_bytes"], rows["text_hash"] = 4, classified.text_hashes
    rows["segments_bytes"], rows["segments"] = 4, classified.segments
    return rows


def _string(value: str | None) -> bytes:
    if value is None:
        return _NULL
    encoded = value.encode()
    return struct.pack(">i", len(encoded)) + encoded


def _time(value: datetime | None) -> bytes:
    if value is None:
        return _NULL
    since = value - _EPOCH
    return struct.pack(">iq", 8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)
