"""Files and folders that are there whole or not at all, whatever comes: a kill, a full disk, a power cut.

Each is written beside its place under a name of its own, put on the disk, and renamed; then its folder is put on the
disk, too. What had the name before keeps it until then.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, Final
from uuid import uuid4

#: What is being written is called so; other programs pass over a name that begins with a dot.
_PART: Final = ".moodmill-{}.part"
_ANY_PART: Final = _PART.format("[0-9a-f]" * 32)
#: Stands in a folder that is being filled, and is locked: folders themselves are not locked across machines.
_LOCK: Final = ".lock"
#: Errors of file systems that put nothing on the disk when asked to.
_NO_SYNC: Final = (errno.EINVAL, errno.ENOTSUP)


@contextmanager
def atomic_file(to: Path, rights: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a file to write, which takes the place of `to` when the context ends; an exception leaves nothing of it.

    It has these rights, or what a stricter umask says.
    """

    def make(part: Path) -> int:
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights)

    with _replacing(Path(os.path.realpath(to)), make) as (_, held):
        with open(held, "wb", closefd=False) as file:
            yield file
        _sync(held)


@contextmanager
def atomic_folder(to: Path, rights: int = 0o777) -> Iterator[Path]:
    """Yield a folder to fill, which gets the name `to` when the context ends; an exception leaves nothing of it."""

    def make(part: Path) -> int:
        part.mkdir(rights)
        return os.open(part / _LOCK, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights & 0o666)

    with _replacing(Path(os.path.realpath(to)), make) as (part, _):
        yield part
        (part / _LOCK).unlink()
        sync_tree(part)


def sync_tree(folder: Path) -> None:
    """Put a folder with all that is in it on the disk."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            _sync_path(Path(path, name))
        sync_folder(Path(path))


def sync_folder(folder: Path) -> None:
    """Put on the disk which names a folder has."""
    with suppress(PermissionError):  # one that may be written to, and not be read
        _sync_path(folder)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, so that they outlive a power cut."""
    missing = list(takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
        sync_folder(one.parent)


@contextmanager
def _replacing(to: Path, make: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """Yield what `make` makes under another name, and its descriptor; the context has to put it on the disk."""
    _sweep(to.parent)
    part, held = _hold(to.parent, make)
    try:
        yield part, held
        part.replace(to)
    except BaseException:
        _delete(part)
        raise
    finally:
        os.close(held)
    sync_folder(to.parent)


def _hold(folder: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """Make something and lock it as long as it is open: another process may sweep it before, but not after."""
    while True:
        part = folder / _PART.format(uuid4().hex)
        try:
            held = make(part)
        except OSError as error:
            error.filename = str(folder)  # which people know
            raise
        with suppress(OSError):  # where nothing can be locked, nothing is swept
            fcntl.flock(held, fcntl.LOCK_EX)
        if part.exists():
            return part, held
        os.close(held)


def _sweep(folder: Path) -> None:
    """Delete what killed processes left: nobody holds it."""
    for part in folder.glob(_ANY_PART):
        with suppress(OSError):  # held, another user's, or gone by now
            held = part / _LOCK if part.is_dir() else part
            # For writing: file systems of a network lock nothing else. Without waiting, should it be a pipe.
            descriptor = os.open(held, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _delete(part)
            finally:
                os.close(descriptor)


def _delete(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part)
    else:
        part.unlink(missing_ok=True)


def _sync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
