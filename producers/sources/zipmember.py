"""A member of a zip archive: its bytes, unpacked in flat memory.

zipfile unpacks bzip2 and LZMA in memory that a bomb fills, and knows zstd from Python 3.14 on.
"""

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.codec import BLOCK, DECODER_ERRORS, RAW_BLOCK, Decompressor, Inflater, zstd_decompressor
from moodmill.producers.sources.files import open_file
from moodmill.producers.sources.member import Entry, Piece, refuse_bomb
from moodmill.producers.sources.place import Place

#: The header before its bytes.
_LOCAL = struct.Struct("<4s5H3L2H")
LOCAL_MAGIC = b"PK\x03\x04"

_ENCRYPTED = 0x1
_STORED, _DEFLATE, _LZMA = 0, 8, 14
_METHODS: dict[int, Callable[[], Decompressor]] = {
    _DEFLATE: lambda: Inflater(-15),  # without a header, the largest window
    12: bz2.BZ2Decompressor,
    20: zstd_decompressor,  # its number before it got 93
    93: zstd_decompressor,
    95: lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ),
}
_UNREAD = {1: "shrink", 6: "implode", 9: "Deflate64", 97: "WavPack", 98: "PPMd"}
_AES = 99


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipEntry(Entry):
    """A member of a zip archive."""

    method: int
    flags: int
    crc: int
    #: Bytes in the archive, where its header begins, and where the next one's or the directory does.
    packed: int
    begin: int
    end: int = 0

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Yield its bytes, whose checksum is compared at the end; see Entry."""
        self._refuse_unread(place)
        refuse_bomb(place, self.size, self.packed)
        try:
            with open_file(place.path, buffering=0) as file:
                packed = _Packed(file, self._locate(file), self.packed)
                for data in self._checked(self._unpacked(packed)):
                    yield Piece(data, packed.taken / max(self.packed, 1), packed.taken)
        except OSError as error:
            raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise SourceError(f"{place} is damaged: {error}; fetch the archive again") from error

    def _refuse_unread(self, place: Place) -> None:
        if self.flags & _ENCRYPTED or self.method == _AES:
            raise SourceError(f"{place} is encrypted, and no password is asked for: unpack it, and label the folder")
        if self.method not in {_STORED, _LZMA, *_METHODS}:
            method = _UNREAD.get(self.method, f"method {self.method}")
            raise SourceError(f"{place} is packed by {method}, which is not read: unpack it, and label the folder")

    def _locate(self, file: BinaryIO) -> int:
        """Return where its bytes begin."""
        begin = self.begin + _LOCAL.size
        if begin + self.packed <= self.end:
            file.seek(self.begin)
            header = file.read(_LOCAL.size)
            if not header.startswith(LOCAL_MAGIC):
                raise ValueError(f"its header is not where the directory says, at byte {self.begin}")
            *_, name, extra = _LOCAL.unpack(header)
            begin += name + extra
        if begin + self.packed > self.end:
            raise ValueError("its bytes reach into those of another member, as in archives made to fill disks")
        return begin

    def _unpacked(self, packed: "_Packed") -> Iterator[bytes]:
        """Yield its bytes. Raises ValueError where they are cut or broken."""
        if self.method == _STORED:
            yield from packed
        elif self.method == _LZMA:
            yield from self._of_lzma(packed)
        else:
            stream = _METHODS[self.method]()
            yield from _decompress(stream, packed)
            if not stream.eof:
                raise ValueError("its data end early")

    def _of_lzma(self, packed: "_Packed") -> Iterator[bytes]:
        """Yield what LZMA has up to the size, which alone says where the end is."""
        left = self.size
        for data in _decompress(_lzma_stream(packed, self.size), packed):
            yield data[:left]
            left -= len(data)
            if left <= 0:
                return

    def _checked(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the blocks. Raises ValueError where they are not those that the archive says."""
        given = crc = 0
        for data in blocks:
            given += len(data)
            crc = zlib.crc32(data, crc)
            if given > self.size:
                raise ValueError(f"it has more than the {self.size} bytes that the archive says")
            yield data
        if given < self.size:
            raise ValueError(f"it has {given} of the {self.size} bytes that the archive says")
        if crc != self.crc:
            raise ValueError("its checksum differs")


class _Packed:
    """The bytes of a member as they are in the archive."""

    def __init__(self, file: BinaryIO, begin: int, size: int) -> None:
        self._file = file
        self._left = size
        self.taken = 0
        file.seek(begin)

    def read(self, count: int) -> bytes:
        data = self._file.read(min(count, self._left))
        self._left -= len(data)
        self.taken += len(data)
        return data

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(RAW_BLOCK):
            yield data


def _decompress(stream: Decompressor, raws: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what a stream has, in blocks of at most BLOCK. Raises ValueError where it is broken."""
    for raw in raws:
        data = raw
        while not stream.eof:
            try:
                block = stream.decompress(data, BLOCK)
            except DECODER_ERRORS as error:
                raise ValueError(str(error)) from error
            if block:
                yield block
            if stream.needs_input:
                break
            data = b""  # it holds input of its own still


def _lzma_stream(packed: _Packed, size: int) -> Decompressor:
    """Return the decompression of LZMA as zip has it: behind a version, and the properties with their length."""
    header = packed.read(4)
    properties = packed.read(5)
    if len(properties) < 5 or header[2:] != b"\x05\0" or properties[0] >= 9 * 5 * 5:
        raise ValueError("its LZMA data begin with no header of theirs")
    rest, lc = divmod(properties[0], 9)
    pb, lp = divmod(rest, 5)
    # A dictionary larger than all that is unpacked would only take memory.
    dictionary = max(min(int.from_bytes(properties[1:], "little"), size), 4096)
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}]
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except DECODER_ERRORS as error:
        raise ValueError(str(error)) from error
