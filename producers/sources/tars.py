"""Tar archives, plain or in a compression: their members.

A tar archive has no directory. Of a plain one the headers are read, and what lies between them is passed by. To list a
compressed one is to decompress all of it once.
"""

import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.codec import BLOCK, RAW_BLOCK
from moodmill.producers.sources.member import MOST_MEMBERS, Entry, Listing, Piece, What, too_many
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.tarbytes import TarBytes, open_tar

#: Bytes of a tar's blocks.
_TAR_BLOCK = tarfile.BLOCKSIZE
#: Bytes of all the headers of one member, its name and extended attributes among them.
_LONGEST_HEADERS = 2 << 20
#: And how many may follow one another. Writers put four: tarfile calls itself for each.
_MOST_HEADERS = 20
#: Where a header says what it is of, and what it says where another follows it.
_KIND = slice(156, 157)
_MORE_FOLLOW = (b"L", b"K", b"x", b"X", b"g")
#: Fields that hold for all members behind them.
_MOST_GLOBALS = 100
#: What tarfile raises for a header that is none.
_BROKEN = (tarfile.TarError, ValueError, LookupError, ArithmeticError)


@dataclass(frozen=True, kw_only=True, slots=True)
class TarEntry(Entry):
    """A member of a tar archive."""

    #: Where its bytes begin in the tar.
    begin: int

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Yield its bytes; see Entry."""
        with open_tar(place.path) as tar:
            tar.seek(self.begin)
            first, given = tar.taken, 0
            while given < self.size:
                data = tar.read(min(BLOCK, self.size - given))
                if not data:
                    raise SourceError(
                        f"{place} is truncated: the archive ends after {given} of its {self.size} bytes; "
                        "fetch the archive again"
                    )
                given += len(data)
                # A block that was read before may hold what is given now.
                yield Piece(data, given / self.size, tar.taken - first + RAW_BLOCK)


def list_tar(path: Path) -> Listing:
    """Return the members of a tar archive up to its end, or to where it is damaged or cut.

    Raises SourceError for a file that cannot be read or is no tar archive.
    """
    place = Place.at(path)
    entries: list[Entry] = []
    try:
        with open_tar(path) as tar:
            for entry in _walk(place, tar):
                if len(entries) == MOST_MEMBERS:
                    raise too_many(place)
                entries.append(entry)
    except SourceError as error:
        if not entries or len(entries) == MOST_MEMBERS:
            raise
        return Listing(entries, error)
    return Listing(entries)


def _walk(place: Place, tar: TarBytes) -> Iterator[TarEntry]:
    headers = _Headers(place, tar)
    position, has_end, is_first = 0, False, True
    reader = None
    while True:
        tar.seek(position)
        block = _read(tar, _TAR_BLOCK)
        if not block:
            break
        if not block.strip(b"\0"):
            # Archives that were joined by `cat` go on behind the end of the first.
            position, has_end = position + len(block), True
            continue
        headers.begin(position)
        try:
            reader = reader or _reader(headers)
            headers.begin(position)
            info = tarfile.TarInfo.fromtarfile(reader)
        except _BROKEN as error:
            raise _broken(place, position, block, is_first, has_end) from error
        if not position < reader.offset <= sys.maxsize or info.size < 0 or len(reader.pax_headers) > _MOST_GLOBALS:
            raise _broken(place, position, block, is_first, has_end)
        yield TarEntry(name=info.name, what=_what(info), size=info.size, begin=info.offset_data)
        position, has_end, is_first = reader.offset, False, False
    if not has_end:
        if is_first:
            raise SourceError(f"{place} is empty: expected a tar archive; fetch it again")
        raise SourceError(f"{place} is truncated: it lacks the zeros at the end of a tar archive; fetch it again")


def _reader(headers: "_Headers") -> tarfile.TarFile:
    return tarfile.TarFile(fileobj=cast("IO[bytes]", headers), encoding="utf-8", errors="surrogateescape")


def _what(info: tarfile.TarInfo) -> What:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "link"
    if info.issparse():
        return "sparse"
    return "file" if info.isreg() else "device"


def _broken(place: Place, position: int, block: bytes, is_first: bool, has_end: bool) -> SourceError:
    if is_first and position == 0:
        return SourceError(f"{place} is no tar archive: it begins with {block[:16]!r}; fetch it again")
    where = "behind its end" if has_end else "where its next member should begin"
    return SourceError(f"{place} is damaged at byte {position} of the tar, {where}; fetch it again")


class _Headers:
    """What tarfile reads of the tar: the headers of one member, which cannot fill the memory."""

    def __init__(self, place: Place, tar: TarBytes) -> None:
        self._place = place
        self._tar = tar
        self._left = self._more = 0

    def begin(self, position: int) -> None:
        self._tar.seek(position)
        self._left, self._more = _LONGEST_HEADERS, 0

    def tell(self) -> int:
        return self._tar.tell()

    def seek(self, position: int) -> None:
        self._tar.seek(position)

    def read(self, count: int) -> bytes:
        self._left -= count
        if count < 0 or self._left < 0 or self._more > _MOST_HEADERS:
            raise SourceError(
                f"{self._place} is damaged: a member has more headers than are read before byte {self._tar.tell()} of "
                f"the tar, {_LONGEST_HEADERS >> 20} MiB or {_MOST_HEADERS} of them; fetch it again"
            )
        data = _read(self._tar, count)
        self._more += count == _TAR_BLOCK and data[_KIND] in _MORE_FOLLOW
        return data


def _read(tar: TarBytes, count: int) -> bytes:
    """Return `count` bytes, less at the end."""
    pieces: list[bytes] = []
    while count > 0 and (piece := tar.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)
