"""Keeping a stream that cannot be read twice, so that its run can be resumed."""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from moodmill.db.core.atomicfile import atomic_folder, make_folder
from moodmill.db.core.errors import SourceError

#: Bytes copied at once.
_BLOCK: Final = 1 << 20
#: Rights of a file and of its folder, within the umask.
_FILE, _FOLDER = 0o600, 0o700
#: Errors of a disk that has no room.
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


def spool(stream: BinaryIO, folder: Path, name: str = "stdin") -> Path:
    """Copy `stream` into a file called `name`, as `spooling` does. Raises SourceError if the stream is empty."""
    with spooling(folder, name, "standard input") as (path, file):
        while block := _read(stream):
            file.write(block)
        if file.tell() == 0:
            raise SourceError("standard input is empty: expected a dump or a table; pipe one into it, or name a file")
    return path


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_BLOCK)
    except OSError as error:
        raise SourceError(f"standard input cannot be read: {error.strerror or error}") from error


@contextmanager
def spooling(folder: Path, name: str, what: str) -> Iterator[tuple[Path, BinaryIO]]:
    """Write a file called `name` in a new folder below `folder`: it is there, on the disk, once the context has ended.

    The name is always the same, for result rows carry it: what is labelled twice makes the same rows. Others may not
    read the file. An exception leaves nothing behind. Raises SourceError where `what` cannot be kept there.
    """
    own = folder / uuid.uuid4().hex
    try:
        make_folder(folder)
        with atomic_folder(own, _FOLDER) as part, open(part / name, "xb", opener=_private) as file:
            yield own / name, file
    except OSError as error:
        remedy = "free space there, or name" if error.errno in _FULL else "name"
        raise SourceError(
            f"{what} cannot be kept in {folder}: {error.strerror or error}; {remedy} another folder in MOODMILL_SPOOL"
        ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _FILE)


def forget_spooled(path: Path) -> None:
    """Delete a file that `spool` made, and its folder."""
    path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.parent.rmdir()
