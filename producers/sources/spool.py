"""Keeping a stream that cannot be read twice, so that its run can be resumed."""

import os
import shutil
import uuid
from pathlib import Path
from typing import BinaryIO

from db.errors import SourceError

#: Bytes copied at once.
_BLOCK = 1 << 20


def spool(stream: BinaryIO, folder: Path, name: str = "stdin") -> Path:
    """Copy `stream` into a file of its own in `folder` and return the path once all of it is on the disk.

    Others may not read it. An exception leaves no file behind. Raises SourceError if the stream is empty.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}-{uuid.uuid4().hex}"
    part = path.with_name(f"{path.name}.part")
    try:
        _copy(stream, part)
        part.rename(path)
        _sync_folder(folder)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return path


def _copy(stream: BinaryIO, part: Path) -> None:
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(stream, file, _BLOCK)
        if file.tell() == 0:
            raise SourceError("standard input is empty: expected a dump or a table; pipe one into it, or name a file")
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Put the file's name on the disk as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
