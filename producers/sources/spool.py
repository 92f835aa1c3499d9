"""Keeping a stream that cannot be read twice, so that its run can be resumed."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from db.errors import SourceError

#: Bytes copied at once.
_BLOCK = 1 << 20


def spool(stream: BinaryIO, folder: Path, name: str = "stdin") -> Path:
    """Copy `stream` into a file called `name`, as `spooling` does. Raises SourceError if the stream is empty."""
    with spooling(folder, name) as (path, file):
        shutil.copyfileobj(stream, file, _BLOCK)
        if file.tell() == 0:
            raise SourceError("standard input is empty: expected a dump or a table; pipe one into it, or name a file")
    return path


@contextmanager
def spooling(folder: Path, name: str) -> Iterator[tuple[Path, BinaryIO]]:
    """Write a file called `name` in a new folder below `folder`: it is there, on the disk, once the context has ended.

    The name is always the same, for result rows carry it: what is labelled twice makes the same rows. Others may not
    read the file. An exception leaves nothing behind.
    """
    own = folder / uuid.uuid4().hex
    own.mkdir(mode=0o700, parents=True)
    path, part = own / name, own / f"{name}.part"
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield path, file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        _sync_folder(own)
    except BaseException:
        part.unlink(missing_ok=True)
        own.rmdir()
        raise


def forget_spooled(path: Path) -> None:
    """Delete a file that `spool` made, and its folder."""
    path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        path.parent.rmdir()


def _sync_folder(folder: Path) -> None:
    """Put the file's name on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
