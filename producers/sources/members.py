"""The members of an archive that are sources, and why the others are none."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.archive import content_of, entries_of
from moodmill.producers.sources.foreign import foreign_name
from moodmill.producers.sources.member import Entry
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.registry import is_known, kind_of, without_archive

#: Characters of a member's name. Systems take paths of at most 4,096 bytes.
_LONGEST_NAME = 4096
#: Why what systems put there is passed over.
HIDDEN = "hidden"
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
    return content_of(path) is not None


def members(path: Path) -> Members:
    """Return the sources in an archive and what else there is. Raises SourceError where nothing of it can be had.

    A compressed tar is decompressed once for it, whatever its size.
    """
    entries, error = entries_of(path)
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
