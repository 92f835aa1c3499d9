"""Rows in blocks of zstd, as ArthurHeitmann/zst_blocks_format has them (`.zst_blocks`), as lines.

A file is blocks until its end: a uint32, the bytes of zstd behind it, and those. Inside are a uint32, the number of
rows, for each row two uint32, where it begins in the data and its bytes, and then the data. All are little-endian.
"""

import struct
from collections.abc import Iterable, Iterator

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.codec import BLOCK, DECODER_ERRORS, ZST_BLOCKS, zstd_decompressor
from moodmill.producers.sources.place import Place

#: Bytes of the largest block that is read, packed or not. Writers put some hundred rows in one.
_LARGEST = 256 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"
_UINT32 = struct.Struct("<I")
#: Where a row begins, and its bytes.
_ENTRY = struct.Struct("<II")
#: Bytes of a block's beginning that an error shows.
_SHOWN = 8


def is_zst_blocks(place: Place, head: bytes) -> bool:
    """Tell whether a file that begins so is of this format, by its name or by the zstd behind the first size."""
    return place.named.suffix.lower() == ZST_BLOCKS or head[_UINT32.size :].startswith(_ZSTD)


def read_rows(place: Place, raws: Iterable[bytes]) -> Iterator[bytes]:
    r"""Yield the rows, each with b"\n" behind it, in blocks of at most BLOCK.

    A row of JSON is one line: newlines in it, which mean nothing there, become blanks. Raises SourceError at the first
    block that is damaged or cut; the rows of those before it are good.
    """
    number, position = 1, 0
    raw = _Raw(raws)
    while size_bytes := raw.read(_UINT32.size):
        try:
            yield from _lines(_rows(_unpack(_packed(raw, size_bytes))))
        except EOFError as error:
            raise SourceError(
                f"{place} is truncated: it ends inside its block {number}, which begins at byte {position}; "
                "fetch it again"
            ) from error
        except ValueError as error:
            raise SourceError(
                f"{place} is damaged or no {ZST_BLOCKS} file: block {number}, at byte {position}, {error}; "
                "fetch it again, or write it with zst_blocks_format's own tools"
            ) from error
        number, position = number + 1, raw.position
    if not position:
        raise SourceError(f"{place} is empty: expected blocks of rows; fetch it again")


class _Raw:
    """The file's bytes, in amounts that are asked for."""

    def __init__(self, raws: Iterable[bytes]) -> None:
        self._raws = iter(raws)
        self._held = b""
        self.position = 0

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes, less at the end."""
        pieces = []
        while count > 0 and (self._held or self._fill()):
            piece, self._held = self._held[:count], self._held[count:]
            pieces.append(piece)
            count -= len(piece)
            self.position += len(piece)
        return b"".join(pieces)

    def _fill(self) -> bool:
        self._held = next((raw for raw in self._raws if raw), b"")
        return bool(self._held)


def _packed(raw: _Raw, size_bytes: bytes) -> bytes:
    """Return the zstd of a block whose size was read. Raises EOFError where it ends early, and ValueError."""
    if len(size_bytes) < _UINT32.size:
        raise EOFError
    (size,) = _UINT32.unpack(size_bytes)
    # A size that is no size would make a large file look truncated.
    begin = raw.read(min(size, len(_ZSTD)))
    if not _ZSTD.startswith(begin) or (size < len(_ZSTD)):
        raise ValueError(f"has {size} bytes: expected zstd, found {begin + raw.read(min(size, _SHOWN) - len(begin))!r}")
    if size > _LARGEST:
        raise ValueError(f"has {size} bytes; at most {_LARGEST >> 20} MiB are read")
    packed = begin + raw.read(size - len(begin))
    if len(packed) < size:
        raise EOFError
    return packed


def _unpack(packed: bytes) -> bytes:
    frame, unpacked, data = zstd_decompressor(), bytearray(), packed
    while not frame.eof:
        try:
            step = frame.decompress(data, BLOCK)
        except DECODER_ERRORS as error:
            raise ValueError(f"is broken zstd: {error}") from error
        if not step and frame.needs_input and not frame.eof:
            raise ValueError("is broken zstd: its end is missing")
        unpacked += step
        if len(unpacked) > _LARGEST:
            raise ValueError(f"unpacks to more than {_LARGEST >> 20} MiB, which is the most that is read")
        data = b""  # the frame holds what it has not used yet
    if frame.unused_data:
        raise ValueError(f"has {len(frame.unused_data)} bytes behind its zstd")
    return bytes(unpacked)


def _rows(block: bytes) -> Iterator[bytes]:
    """Return the rows of a block. Raises ValueError unless they have as many bytes as there are for them."""
    if len(block) < _UINT32.size:
        raise ValueError(f"unpacks to {len(block)} bytes: expected the number of its rows")
    (count,) = _UINT32.unpack_from(block)
    begin = _UINT32.size + count * _ENTRY.size
    data = len(block) - begin
    if data < 0:
        raise ValueError(f"unpacks to {len(block)} bytes, which cannot hold the table of its {count} rows")
    table = memoryview(block)[_UINT32.size : begin]
    total = 0
    for offset, size in _ENTRY.iter_unpack(table):
        total += size
        if offset + size > data:
            raise ValueError(f"has a row at {offset} of {size} bytes, and {data} bytes for all")
    if total != data:
        raise ValueError(f"has rows of {total} bytes in all, and {data} bytes for them")
    return (block[begin + offset : begin + offset + size] for offset, size in _ENTRY.iter_unpack(table))


def _lines(rows: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    length = 0
    for row in rows:
        held.append(_line(row))
        length += len(held[-1])
        if length >= BLOCK:
            yield from _cut(held)
            held, length = [], 0
    yield from _cut(held)


def _line(row: bytes) -> bytes:
    line = row.removesuffix(b"\n")
    if b"\n" in line and line.lstrip()[:1] in (b"{", b"["):
        line = line.replace(b"\n", b" ")
    return line + b"\n"


def _cut(lines: list[bytes]) -> Iterator[bytes]:
    joined = b"".join(lines)
    for begin in range(0, len(joined), BLOCK):
        yield joined[begin : begin + BLOCK]
