"""The bytes of a tar archive, plain or in a compression, from any position on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.codec import RAW_BLOCK, codec_of
from moodmill.producers.sources.files import file_mark, open_file
from moodmill.producers.sources.filestream import FileStream
from moodmill.producers.sources.foreign import HEAD
from moodmill.producers.sources.member import refuse_bomb
from moodmill.producers.sources.place import Place

#: Bytes that a compressed tar can be read back: more than is read of a source to find how it is read.
_WINDOW = 16 << 20


class TarBytes(Protocol):
    """The bytes of a tar archive behind its compression, from any position on."""

    @property
    def taken(self) -> int:
        """Bytes of the file that were read."""

    def tell(self) -> int: ...

    def seek(self, position: int) -> None: ...

    def read(self, count: int) -> bytes:
        """Return some of the next `count` bytes, none at the end."""


@contextmanager
def open_tar(path: Path) -> Iterator[TarBytes]:
    """Open a tar archive. Raises SourceError where it cannot be read, then or later."""
    place = Place.at(path)
    try:
        with open_file(path) as file:
            if codec_of(file.read(HEAD)) is None:
                yield _PlainTar(file)
                return
            key = (path, *file_mark(path))
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error
    tar = _IDLE.pop(key, None) or _PackedTar(place)
    try:
        yield tar
    finally:
        _IDLE.clear()
        if tar.is_worth_keeping:
            _IDLE[key] = tar


class _PlainTar:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.taken = 0

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int) -> None:
        self._file.seek(position)

    def read(self, count: int) -> bytes:
        data = self._file.read(count)
        self.taken += len(data)
        return data


class _PackedTar:
    """A compressed tar, which is decompressed from its beginning; its latest bytes can be had once more."""

    _stream: FileStream
    _blocks: Iterator[bytes]
    #: The latest bytes, and where they begin and end in the tar.
    _latest: bytearray
    _begin: int
    _end: int
    _position: int
    #: How far the tar and the file were read when this began to look for a position, or found it.
    _mark: tuple[int, int]

    def __init__(self, place: Place) -> None:
        self._place = place
        self._is_broken = self._has_ended = False
        self._rewind()

    @property
    def taken(self) -> int:
        return self._stream.taken

    @property
    def is_worth_keeping(self) -> bool:
        """Tell whether reading can go on from where it stands, and something is there still."""
        return not self._is_broken and (not self._has_ended or self._begin == 0)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._begin:
            self._rewind()
        if position != self._position:
            self._position = position
            self._mark = self._end, self.taken
            while self._end < position and self._next():
                pass
            self._mark = self._end, self.taken

    def read(self, count: int) -> bytes:
        while self._position >= self._end:
            if not self._next():
                return b""
        at = self._position - self._begin
        data = bytes(memoryview(self._latest)[at : at + count])
        self._position += len(data)
        return data

    def _rewind(self) -> None:
        self._stream = FileStream(self._place)
        self._blocks = self._stream.decompressed()
        self._latest = bytearray()
        self._begin = self._end = self._position = 0
        self._mark = 0, 0
        self._has_ended = False

    def _next(self) -> bool:
        """Decompress the next block. Raises SourceError where that is a bomb."""
        try:
            block = next(self._blocks, None)
            if block is None:
                self._has_ended = True
                return False
            self._end += len(block)
            end, taken = self._mark
            refuse_bomb(self._place, self._end - end, self.taken - taken + RAW_BLOCK)
        except SourceError:
            self._is_broken = True
            raise
        self._latest += block
        if len(self._latest) > 2 * _WINDOW:
            del self._latest[:-_WINDOW]
            self._begin = self._end - len(self._latest)
        return True


#: The compressed tar that was read last, where somebody has left it, so that the next member is read from there on and
#: not from the beginning. Only one: its memory is that of its window and of its decompression.
_IDLE: dict[tuple[object, ...], _PackedTar] = {}
