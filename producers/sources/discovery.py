"""The files that the paths on a command line, or the patterns of a job, stand for; and what was passed over."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from moodmill.db.core.elsewhere import is_remote
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.foreign import foreign_name
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.registry import is_known, without_archive
from moodmill.producers.sources.remote import files_of, matches, real_path, refuse_absent

#: Why a folder passes over a file.
UNKNOWN_KIND: Final = "of no known kind"
LINK_OUT: Final = "link out of the folder"
BROKEN_LINK: Final = "broken link"
NO_FILE: Final = "no regular file"
#: Folders that systems put beside what people put there.
_OF_SYSTEMS: Final = frozenset(("__MACOSX", "$RECYCLE.BIN", "System Volume Information"))


@dataclass(kw_only=True)
class Discovery:
    """What paths stand for. Files come in order, each once."""

    places: list[Place] = field(default_factory=list)
    #: Names of files of a folder that are no sources, by the reason.
    passed_over: dict[str, list[str]] = field(default_factory=dict)
    #: Folders that could not be looked into, each with the reason in a line.
    errors: list[tuple[Path, str]] = field(default_factory=list)

    def pass_over(self, reason: str, *names: str) -> None:
        """Note files that are not read."""
        self.passed_over.setdefault(reason, []).extend(names)


def discover(paths: Iterable[Path]) -> Discovery:
    """Return the files of `paths`, where a folder stands for the dumps, tables and archives below it.

    Files of one name in several folders are distinguished by the folders in their names. Raises SourceError for a path
    that is neither a file nor a folder.
    """
    found = Discovery()
    files: dict[Path, Path] = {}
    for path in paths:
        if is_remote(path):
            files |= {file: file for file in _of_storage(path, found)}
            continue
        refuse_unreadable(path)
        for file in [path] if path.is_file() else sorted(_walk(path, found)):
            files.setdefault(file.resolve(), file)
    found.places = name_apart(list(files.values()))
    return found


def _of_storage(path: Path, found: Discovery) -> Iterator[Path]:
    """Yield the sources that a path or a pattern elsewhere stands for. Raises SourceError where there are none."""
    several = matches(path)
    if not several:
        raise SourceError(f"{path}: nothing there has such a name")
    for one in several:
        for file in files_of(one):
            inner = file.parts[len(one.parts) :]  # none of a file that is named, whatever it is called
            if any(part.startswith(".") or part in _OF_SYSTEMS for part in inner):
                continue
            reason = _reason_of_name(file) if inner else None
            if reason is None:
                yield file
            else:
                found.pass_over(reason, str(Place(path=file, name="")))


def name_apart(files: Sequence[Path]) -> list[Place]:
    """Return the places of files. Those that would have one name are named with as many folders as tell them apart."""
    places = {file: Place.at(file) for file in files}
    depth = 1
    while twins := _twins(places):
        for file in twins:
            folders = real_path(file).parts[1:-1][-depth:]
            places[file] = Place.at(file, name="/".join((*folders, file.name)))
        depth += 1
        if depth > max(len(real_path(file).parts) for file in twins):
            # The names of these differ in bytes alone that no text can show.
            for number, file in enumerate(twins, 1):
                places[file] = Place.at(file, name=f"{places[file].name} ({number})")
            break
    return [places[file] for file in files]


def _twins(places: Mapping[Path, Place]) -> list[Path]:
    by_name: dict[str, list[Path]] = {}
    for file, place in places.items():
        by_name.setdefault(place.name, []).append(file)
    return [file for files in by_name.values() if len(files) > 1 for file in files]


def refuse_unreadable(path: Path) -> None:
    """Raise SourceError for a path that is neither a file nor a folder."""
    if is_remote(path):
        refuse_absent(path)
        return
    if not path.exists():
        raise SourceError(f"{Place.at(path)} does not exist: expected a file or a folder")
    if not path.is_dir() and not path.is_file():
        raise SourceError(f"{Place.at(path)} is no regular file, so it cannot be read twice: give it as standard input")


def _walk(folder: Path, found: Discovery) -> Iterator[Path]:
    """Yield the sources below `folder`, and note what is passed over. Hidden files are neither."""
    root = folder.resolve()

    def unreadable(error: OSError) -> None:
        path = Path(error.filename)
        found.errors.append((path, f"{Place.at(path)} cannot be read: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=unreadable):  # follows no links to folders
        inner = [name for name in folders if not name.startswith(".") and name not in _OF_SYSTEMS]
        folders[:] = [name for name in inner if not Path(parent, name).is_symlink()]
        # A link to a folder within is no loss: its files are met where they are.
        links = [Path(parent, name) for name in inner if Path(parent, name).is_symlink()]
        for path in [*links, *(Path(parent, name) for name in sorted(names) if not name.startswith("."))]:
            reason = _reason_to_pass_over(path, root)
            if reason is not None:
                found.pass_over(reason, str(Place(path=path.relative_to(folder), name="")))
            elif path.is_file():
                yield path


def _reason_to_pass_over(path: Path, root: Path) -> str | None:
    if path.is_symlink():
        if not path.exists():
            return BROKEN_LINK
        if not path.resolve().is_relative_to(root):
            return LINK_OUT
    if path.is_dir():
        return None
    if not path.is_file():
        return NO_FILE
    return _reason_of_name(path)


def _reason_of_name(path: Path) -> str | None:
    if is_known(path) or without_archive(path) is not None:
        return None
    foreign = foreign_name(path)
    return UNKNOWN_KIND if foreign is None else str(foreign)
