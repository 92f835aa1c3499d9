"""What the tests of sources share: files made, readings taken. No test stands here."""

import bz2
import gzip
import json
import lzma
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.record import Bad, Parsed, Record, Source

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".zst": zstd.compress,
    # Without the time: the same bytes at any, also where they name a test.
    ".gz": partial(gzip.compress, mtime=0),
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def write(path: Path, data: bytes | str) -> Path:
    """Write `data`, compressed as the path's suffix says."""
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(COMPRESS.get(path.suffix, bytes)(raw))
    return path


def comment_line(number: int, **fields: object) -> bytes:
    """Return a dump's line of one comment."""
    record = {"id": f"c{number}", "body": f"comment {number}", "created_utc": 1_134_365_188 + number} | fields
    return json.dumps(record).encode()


def dump(records: Iterable[bytes]) -> bytes:
    return b"".join(record + b"\n" for record in records)


def read(source: Source, start: int = 0) -> tuple[list[Record], SourceError | None]:
    """Return all that a reading yields, and the error that ended it."""
    found: list[Record] = []
    try:
        for record in source.records(start):
            found.append(record)  # noqa: PERF402 (what came before the error is wanted)
    except SourceError as error:
        return found, error
    return found, None


def read_all(source: Source, start: int = 0) -> list[Record]:
    records, error = read(source, start)
    assert error is None
    return records


def comments(records: Iterable[Record]) -> list[Comment]:
    return [record.comment for record in records if isinstance(record, Parsed)]


def bads(records: Iterable[Record]) -> list[Bad]:
    return [record for record in records if isinstance(record, Bad)]


def texts(source: Source) -> list[str]:
    return [comment.text for comment in comments(read_all(source))]


def position_of(record: Record) -> int:
    return record.position if isinstance(record, Bad) else record.comment.position


def only(records: Iterable[Record]) -> Parsed:
    """Return the single record, which must hold a comment."""
    (record,) = records
    assert isinstance(record, Parsed), record
    return record
