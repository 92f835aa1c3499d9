"""Zip archives: the directory at their end.

It is read here, and not by zipfile, since that opens no archive with one broken name in it or one version that it does
not know, and holds whatever number of members there is.
"""

import os
import stat
import struct
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.files import open_file
from moodmill.producers.sources.member import MOST_MEMBERS, Entry, Listing, What, too_many
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.zipmember import LOCAL_MAGIC, ZipEntry

#: End of the directory: two numbers of disks, members here and in all, the directory's bytes and where it begins.
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
#: A comment may follow it.
_LONGEST_COMMENT = 0xFFFF
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_MAGIC = b"PK\x06\x06"
_LOCATOR_64 = struct.Struct("<4sLQL")
_LOCATOR_64_MAGIC = b"PK\x06\x07"
#: A member in the directory, of which its name and others follow.
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_MAGIC = b"PK\x01\x02"

#: What stands for a number that the member's extra field of number 1 has in 64 bits.
_IN_EXTRA = 0xFFFFFFFF
#: Of the flags: the name is UTF-8.
_UTF8 = 0x800
#: Systems that an archive is made on.
_DOS, _UNIX, _NTFS, _MACOS = 0, 3, 10, 19


def list_zip(path: Path) -> Listing:
    """Return the members of a zip archive. Raises SourceError for a file that is none, or whose directory is cut."""
    place = Place.at(path)
    try:
        with open_file(path) as file:
            return Listing(_with_ends(*_entries(place, file)))
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Directory:
    """Where the directory is, and what its end says of it."""

    begin: int
    size: int
    members: int
    #: Bytes before the archive, that no place in it counts.
    before: int


def _entries(place: Place, file: BinaryIO) -> tuple[list[ZipEntry], int]:
    directory = _directory(place, file)
    entries: list[ZipEntry] = []
    file.seek(directory.begin)
    left = directory.size
    while left > 0:
        if len(entries) == MOST_MEMBERS:
            raise too_many(place)
        header = file.read(_CENTRAL.size)
        if len(header) < _CENTRAL.size or not header.startswith(_CENTRAL_MAGIC):
            raise SourceError(f"{place} is damaged: its directory breaks off after {len(entries)} members")
        entry, size = _entry(header, file, directory.before)
        entries.append(entry)
        left -= size
    # The number has 16 bits, and some writers let it flow over.
    if (len(entries) - directory.members) & 0xFFFF:
        raise SourceError(
            f"{place} is damaged: its directory names {len(entries)} members, and its end says {directory.members}"
        )
    return entries, directory.begin


def _directory(place: Place, file: BinaryIO) -> _Directory:
    size = file.seek(0, os.SEEK_END)
    if not size:
        raise SourceError(f"{place} is empty: expected a zip archive; fetch it again")
    tail_begin = file.seek(max(0, size - _LONGEST_COMMENT - _END.size))
    tail = file.read()
    at = tail.rfind(_END_MAGIC)
    if at < 0 or len(tail) - at < _END.size:
        raise _not_whole(place, file)
    end = tail_begin + at
    _, disk, first_disk, here, members, length, begin, _ = _END.unpack_from(tail, at)
    if wide := _directory_64(file, end):
        end, disk, first_disk, here, members, length, begin = wide
    if disk or first_disk or here != members:
        raise SourceError(
            f"{place} is the last of several parts of a zip archive: join them (zip -s 0 LAST.zip --out WHOLE.zip), "
            "and label what comes of it"
        )
    if members > MOST_MEMBERS:
        raise too_many(place)
    before = end - length - begin
    if before < 0:
        raise SourceError(f"{place} is damaged: its directory of {length} bytes is not at byte {begin}; fetch it again")
    file.seek(0)
    if before and file.read(len(LOCAL_MAGIC)) == LOCAL_MAGIC:
        raise SourceError(
            f"{place} has {before} bytes before the archive that its end describes, perhaps another archive: "
            "take them apart, or unpack it and label the folder"
        )
    return _Directory(begin=end - length, size=length, members=members, before=before)


def _directory_64(file: BinaryIO, end: int) -> tuple[int, int, int, int, int, int, int] | None:
    """Return what the end of the directory of a large archive says, and where it is; None if it has no such."""
    if end < _LOCATOR_64.size:
        return None
    file.seek(end - _LOCATOR_64.size)
    magic, _, begin, disks = _LOCATOR_64.unpack(file.read(_LOCATOR_64.size))
    if magic != _LOCATOR_64_MAGIC:
        return None
    # Right before the locator, or where that says, if it is longer than it has to be.
    for at in (end - _LOCATOR_64.size - _END_64.size, begin):
        if 0 <= at <= end - _END_64.size:
            file.seek(at)
            magic, _, _, _, disk, first_disk, here, members, length, first = _END_64.unpack(file.read(_END_64.size))
            if magic == _END_64_MAGIC:
                return at, max(disk, disks - 1, 0), first_disk, here, members, length, first
    return None


def _not_whole(place: Place, file: BinaryIO) -> SourceError:
    file.seek(0)
    head = file.read(16)
    if head.startswith((LOCAL_MAGIC, b"PK\x07\x08")):
        return SourceError(
            f"{place} is truncated, or a part of an archive in several: it lacks the directory that stands at the end "
            "of a zip archive; fetch it again, or join its parts"
        )
    return SourceError(f"{place} is no zip archive: it begins with {head!r}; fetch it again, or give it its right name")


def _entry(header: bytes, file: BinaryIO, before: int) -> tuple[ZipEntry, int]:
    """Return a member of the directory and its bytes there; `header` was read of them."""
    numbers = _CENTRAL.unpack(header)
    _, made_by, _, flags, method, _, _, crc, packed, size, n_name, n_extra, n_comment, _, _, attributes, begin = numbers
    raw, extra = file.read(n_name), file.read(n_extra)
    file.seek(n_comment, os.SEEK_CUR)
    size, packed, begin = _wide(extra, (size, packed, begin))
    system = made_by >> 8
    name = _decoded(raw, flags)
    if system in (_DOS, _NTFS):
        name = name.replace("\\", "/")
    entry = ZipEntry(
        name=name,
        what=_what(name, attributes >> 16 if system in (_UNIX, _MACOS) else 0),
        size=size,
        method=method,
        flags=flags,
        crc=crc,
        packed=packed,
        begin=before + begin,
    )
    return entry, _CENTRAL.size + n_name + n_extra + n_comment


def _wide(extra: bytes, numbers: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the numbers, in 64 bits where the extra field has them so."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size, packed, begin = (next(wide, one) if one == _IN_EXTRA else one for one in numbers)
            return size, packed, begin
        at += 4 + length
    return numbers


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode()  # as many write without saying so
    except UnicodeDecodeError:
        return raw.decode("utf-8", "surrogateescape") if flags & _UTF8 else raw.decode("cp437")


def _what(name: str, mode: int) -> What:
    if name.endswith("/") or stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_ISREG(mode) or not stat.S_IFMT(mode) else "device"


def _with_ends(entries: list[ZipEntry], directory: int) -> list[Entry]:
    """Return the members, each with where the next one's header begins, behind which its bytes cannot reach."""
    begins = [*sorted(entry.begin for entry in entries), directory]
    ends: dict[int, int] = {}
    for begin, end in pairwise(begins):
        ends[begin] = min(end, ends.get(begin, end))
    return [replace(entry, end=ends[entry.begin]) for entry in entries]
