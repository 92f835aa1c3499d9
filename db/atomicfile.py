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
#: Errors of folders that may be written to but not be read, and of file systems that put none on the disk by itself.
_NO_SYNC: Final = (errno.EACCES, errno.EINVAL, errno.ENOTSUP)


@contextmanager
def atomic_file(to: Path, rights: int = 0o666) -> Iterator[BinaryIO]:
    """Yield a file to write, which takes the place of `to` when the context ends; an exception leaves nothing of it.

    It has these rights, or what a stricter umask says. Where `to` is a pipe or a device, what is written goes there.
    """
    if to.exists() and not to.is_file():
        with to.open("wb") as file:
            yield file
        return

    def make(part: Path) -> int:
        return os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, rights)

    with _replacing(Path(os.path.realpath(to)), make) as (_, held):
        with open(held, "wb", closefd=False) as file:
            yield file
        os.fsync(held)


@contextmanager
def atomic_folder(to: Path, rights: int = 0o777) -> Iterator[Path]:
    """Yield a folder to fill, which gets the name `to` when the context ends; an exception leaves nothing of it."""

    def make(part: Path) -> int:
        part.mkdir(rights)
        return os.open(part, os.O_RDONLY)

    with _replacing(Path(os.path.realpath(to)), make) as (part, _):
        yield part
        sync_tree(part)


def sync_tree(folder: Path) -> None:
    """Put a folder with all that is in it on the disk."""
    for path, _, files in os.walk(folder, topdown=False):
        for name in files:
            _sync(Path(path, name))
        sync_folder(Path(path))


def sync_folder(folder: Path) -> None:
    """Put on the disk which names a folder has."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


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
            descriptor = os.open(part, os.O_RDONLY | os.O_NOFOLLOW)
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


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
