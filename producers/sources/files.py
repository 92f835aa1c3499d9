"""Files as bytes, of this machine and from elsewhere: opened, measured, told apart."""

from pathlib import Path
from typing import BinaryIO

from moodmill.db.core.elsewhere import is_remote
from moodmill.producers.sources import remote


def open_file(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a file to be read, from any byte on. Raises OSError, then or while it is read."""
    if is_remote(path):
        return remote.open_remote(path)
    file: BinaryIO = path.open("rb", buffering=buffering)
    return file


def size_of_file(path: Path) -> int:
    """Return how many bytes a file has. Raises OSError."""
    return remote.size_of(path) if is_remote(path) else path.stat().st_size


def file_mark(path: Path) -> tuple[object, ...]:
    """Return what identifies a file's present state. Raises OSError."""
    if is_remote(path):
        return str(path), remote.size_of(path), remote.mark_of(path)
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns
