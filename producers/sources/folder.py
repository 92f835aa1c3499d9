"""The files that the paths on a command line stand for."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from db.errors import SourceError
from producers.sources.registry import COMPRESSIONS, kind_of, plain_name


class EmptyFolderError(SourceError):
    """A folder without any dump or table below it."""


def refuse(error: OSError) -> NoReturn:
    """Raise a SourceError for a folder that cannot be read."""
    raise SourceError(f"{error.filename} cannot be read: {error.strerror}") from error


def expand(paths: Sequence[Path], on_unreadable: Callable[[OSError], None] = refuse) -> list[Path]:
    """Return the files of `paths` in their order, each once; a folder stands for the dumps and tables below it.

    Raises SourceError for a path that is no file, and EmptyFolderError for a folder without any such file.
    `on_unreadable` hears of folders that cannot be read.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        for file in _files(path, on_unreadable):
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _files(path: Path, on_unreadable: Callable[[OSError], None]) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.exists():
        raise SourceError(f"{path} does not exist: expected a file or a folder")
    if not path.is_dir():
        raise SourceError(f"{path} is no regular file, so it cannot be read twice: give it as standard input")
    found = sorted(file for file in _walk(path, on_unreadable) if _is_known(file))
    if not found:
        raise EmptyFolderError(
            f"{path} holds no dump and no table: expected files like RC_2005-12.zst, .ndjson or .csv"
        )
    return found


def _walk(folder: Path, on_unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the files below `folder` but the hidden ones and links to somewhere else."""
    root = folder.resolve()
    for parent, folders, names in os.walk(folder, onerror=on_unreadable):  # follows no links to folders
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(parent, name)
            if not name.startswith(".") and file.is_file() and file.resolve().is_relative_to(root):
                yield file


def _is_known(file: Path) -> bool:
    if kind_of(file) is not None or file.suffix.lower() in COMPRESSIONS:
        return True
    # Without a suffix, for beside RC_2005-12.zst may lie its .sha256 or .torrent.
    return file.name.startswith(("RC_", "RS_")) and not plain_name(file).suffix
