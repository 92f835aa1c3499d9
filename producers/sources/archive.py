"""Archives: which files are some, which of their members are sources, and the bytes of one.

Nothing is ever written where an archive says: a member's name is only what the member is found and called by.
"""

import re
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.compression import ByteStream, codec_of
from moodmill.producers.sources.foreign import HEAD, foreign_name, is_tar, is_zip, refuse_foreign
from moodmill.producers.sources.member import Entry, Listing, Piece
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.registry import COMPRESSIONS, is_known, kind_of, without_archive
from moodmill.producers.sources.tarbytes import file_mark
from moodmill.producers.sources.tars import list_tar
from moodmill.producers.sources.text import clean
from moodmill.producers.sources.zips import list_zip

#: Archives whose members are remembered: 10 to 30 MB each at most.
_REMEMBERED = 4
#: Characters of a member's name. Systems take paths of at most 4,096 bytes.
_LONGEST_NAME = 4096
#: Why what systems put there is passed over.
HIDDEN = "hidden"
#: What would break a line.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_FILES = {
    "link": "a link",
    "device": "no regular file",
    "sparse": "a file with holes, which is not read: unpack it",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Members:
    """What is in an archive, in its order."""

    places: tuple[Place, ...]
    #: The names of other files by the reason why they are none.
    passed_over: dict[str, list[str]]
    #: What kept the members behind these from being found: damage, a missing end.
    error: SourceError | None = None


def is_archive(path: Path) -> bool:
    """Tell whether a file is an archive: by its name, or by how it begins where its name may be that of a source."""
    if without_archive(path) is not None:
        return True
    if path.suffix and not is_known(path):
        return False  # a zip by another name is a program's, a document's or a package's
    return _content(path) is not None


def members(path: Path) -> Members:
    """Return the sources in an archive and what else there is. Raises SourceError where nothing of it can be had.

    A compressed tar is decompressed once for it, whatever its size.
    """
    entries, error = _listed(path)
    is_sole = sum(entry.what == "file" and not _is_hidden(key) for key, entry in entries.items()) == 1
    own = Place.at(path).name
    places: list[Place] = []
    passed_over: dict[str, list[str]] = {}
    for key, entry in entries.items():
        if reason := _reason(path, key, entry, is_sole):
            passed_over.setdefault(reason, []).append(key[:_LONGEST_NAME])
        else:
            places.append(Place.at(path, member=key, name=f"{own}/{key}"))
    return Members(places=tuple(places), passed_over=passed_over, error=error)


def unpack(place: Place) -> Generator[Piece, None, None]:
    """Yield the bytes of a member. Raises SourceError where they are not there, damaged, or those of a bomb."""
    entries, _ = _listed(place.path)
    entry = entries.get(place.member or "")
    if entry is None or entry.what != "file":
        raise SourceError(f"{place} is not there: the archive has no such file; put back the one that had it")
    yield from entry.pieces(place)


def size_of(place: Place) -> int:
    """Return the bytes of a file, or of a member as the archive gives them out. Raises SourceError."""
    if place.member is not None:
        entry = _listed(place.path)[0].get(place.member)
        return 0 if entry is None else entry.size
    try:
        return place.path.stat().st_size
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error


def _content(path: Path) -> Literal["zip", "tar"] | None:
    """Return what kind of archive a file is by how it begins."""
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(HEAD)
        if codec_of(head):
            with closing(ByteStream(Place.at(path)).decompressed()) as blocks:
                return "tar" if is_tar(next(blocks, b"")) else None
    except (OSError, SourceError):
        return None  # whoever reads it says so
    return "zip" if is_zip(head) else "tar" if is_tar(head) else None


def _listed(path: Path) -> tuple[dict[str, Entry], SourceError | None]:
    """Return the members by what they are found by. Raises SourceError."""
    try:
        mark = file_mark(path)
    except OSError as error:
        raise SourceError(f"{Place.at(path)} cannot be read: {error.strerror or error}") from error
    return _remembered(path, mark)


@lru_cache(_REMEMBERED)
def _remembered(path: Path, mark: tuple[int, ...]) -> tuple[dict[str, Entry], SourceError | None]:  # noqa: ARG001 - a key of the cache
    entries, error = _list(path)
    return _by_key([entry for entry in entries if entry.what != "folder"]), error


def _list(path: Path) -> Listing:
    content = _content(path)
    if content is None:
        with closing(ByteStream(Place.at(path)).raw()) as blocks:
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


def _is_hidden(key: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in key.split("/"))


def _reason(archive: Path, key: str, entry: Entry, is_sole: bool) -> str | None:
    """Return why a member is no source, None if it is one."""
    if entry.what != "file":
        return _NOT_FILES[entry.what]
    if _is_hidden(key):
        return HIDDEN
    if len(key) > _LONGEST_NAME:
        return f"a name of more than {_LONGEST_NAME} characters"
    path, outer = PurePosixPath(key), without_archive(archive)
    # pandas once called what it wrote into x.csv.zip x.csv.zip, too.
    is_namesake = key.lower() == archive.name.lower()
    if is_sole and outer is not None and kind_of(outer) and (is_namesake or not _is_named_otherwise(path)):
        return None
    if without_archive(path) is not None:
        return "an archive in the archive, which is not read: unpack the outer one"
    if foreign := foreign_name(path):
        return str(foreign)
    return None if is_known(path) else "neither a dump nor a table by its name"


def _is_named_otherwise(path: PurePosixPath) -> bool:
    return without_archive(path) is not None or foreign_name(path) is not None
