"""Archives: what kind of one a file is, what is in it, and the bytes of a member.

Nothing is ever written where an archive says: a member's name is only what the member is found and called by.
"""

import re
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from moodmill.db.core.errors import SourceError
from moodmill.db.core.text import clean
from moodmill.producers.sources.codec import COMPRESSIONS, codec_of
from moodmill.producers.sources.files import file_mark, open_file, size_of_file
from moodmill.producers.sources.filestream import FileStream
from moodmill.producers.sources.foreign import HEAD, is_tar, is_zip, refuse_foreign
from moodmill.producers.sources.member import Entry, Listing, Piece
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.tars import list_tar
from moodmill.producers.sources.zips import list_zip

#: Archives whose members are remembered: 10 to 30 MB each at most.
_REMEMBERED = 4
#: What would break a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def unpack(place: Place) -> Generator[Piece, None, None]:
    """Yield the bytes of a member. Raises SourceError where they are not there, damaged, or those of a bomb."""
    entries, _ = entries_of(place.path)
    entry = entries.get(place.member or "")
    if entry is None or entry.what != "file":
        raise SourceError(f"{place} is not there: the archive has no such file; put back the one that had it")
    yield from entry.pieces(place)


def size_of(place: Place) -> int:
    """Return the bytes of a file, or of a member as the archive gives them out. Raises SourceError."""
    if place.member is not None:
        entry = entries_of(place.path)[0].get(place.member)
        return 0 if entry is None else entry.size
    try:
        return size_of_file(place.path)
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error


def content_of(path: Path) -> Literal["zip", "tar"] | None:
    """Return what kind of archive a file is by how it begins."""
    try:
        with open_file(path, buffering=0) as file:
            head = file.read(HEAD)
        if codec_of(head):
            with closing(FileStream(Place.at(path)).decompressed()) as blocks:
                return "tar" if is_tar(next(blocks, b"")) else None
    except (OSError, SourceError):
        return None  # whoever reads it says so
    return "zip" if is_zip(head) else "tar" if is_tar(head) else None


def entries_of(path: Path) -> tuple[dict[str, Entry], SourceError | None]:
    """Return the members by what they are found by. Raises SourceError."""
    try:
        mark = file_mark(path)
    except OSError as error:
        raise SourceError(f"{Place.at(path)} cannot be read: {error.strerror or error}") from error
    return _remembered(path, mark)


@lru_cache(_REMEMBERED)
def _remembered(path: Path, mark: tuple[object, ...]) -> tuple[dict[str, Entry], SourceError | None]:  # noqa: ARG001 - a key of the cache
    entries, error = _list(path)
    return _by_key([entry for entry in entries if entry.what != "folder"]), error


def _list(path: Path) -> Listing:
    content = content_of(path)
    if content is None:
        with closing(FileStream(Place.at(path)).raw()) as blocks:
            refuse_foreign(Place.at(path), next(blocks, b""))
        content = "zip" if path.suffix.lower() == ".zip" else "tar"
    return list_zip(path) if content == "zip" else list_tar(path)


def _by_key(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return members by their names as any store and any line takes them; of two of one name the later gets a number.

    So it is found again: the same archive gives the same names.
    """
    names = [_key(entry.name) for entry in entries]
    known = set(names)
    latest: Counter[str] = Counter()
    found: dict[str, Entry] = {}
    for name, entry in zip(names, entries, strict=True):
        key = name
        while key in found or (key != name and key in known):
            latest[name] += 1
            key = _numbered(name, latest[name] + 1)
        found[key] = entry
    return found


def _key(name: str) -> str:
    parts = _CONTROL.sub("\ufffd", clean(name)).split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "\ufffd"


def _numbered(name: str, number: int) -> str:
    """Return `a.csv.gz` as `a (2).csv.gz`."""
    folder, slash, file = name.rpartition("/")
    stem, last = _split(file)
    if last.lower() in COMPRESSIONS:
        stem, suffix = _split(stem)
        last = suffix + last
    return f"{folder}{slash}{stem} ({number}){last}"


def _split(file: str) -> tuple[str, str]:
    suffix = PurePosixPath(file).suffix
    return file.removesuffix(suffix), suffix
