"""Files that lie elsewhere (moodmill.db.core.elsewhere): found, and read on where a connection broke."""

import io
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import urlsplit

from moodmill.db.core.elsewhere import is_remote, path_of, reason_of
from moodmill.db.core.errors import SourceError

Answer = TypeVar("Answer")

#: What stands for several files in the path of a URL.
_MAGIC: Final = re.compile(r"[*?\[]")
#: Bytes that are asked for at once.
_BLOCK: Final = 4 << 20
#: Times that a read is tried, and the seconds before the second one; each further one waits twice as long.
TRIES: Final = 6
FIRST_PAUSE_S: Final = 0.5
#: What storages call a mark of a file's content.
_MARKS: Final = ("ETag", "etag", "md5Hash", "content_md5", "blob_id")


def real_path(path: Path) -> Path:
    """Return the path of a file without links and dots; one elsewhere as it is, for a web server may lead anywhere."""
    return path if is_remote(path) else path.resolve()


def name_of(path: Path) -> PurePosixPath | Path:
    """Return what a file is called, its kind with it: without what stands behind the ? of a URL."""
    return PurePosixPath(urlsplit(str(path)).path) if is_remote(path) else path


def matches(path: Path) -> list[Path]:
    """Return the files and folders elsewhere that a pattern stands for, in order; what is no pattern is itself.

    Raises SourceError where its storage cannot be asked.
    """
    any_path: Any = path
    if not _MAGIC.search(any_path.path) or any_path.protocol in ("http", "https") or _asked(path, path.is_file):
        return [path]
    names: list[str] = _asked(path, lambda: sorted(any_path.fs.glob(any_path.path)))
    return [path_of(f"{any_path.protocol}://{name}") for name in names]


def refuse_absent(path: Path) -> None:
    """Raise SourceError where nothing elsewhere has this path, or its storage cannot be asked."""
    if not _asked(path, path.exists):
        raise SourceError(f"{path} does not exist: expected a file or a folder")


def files_of(path: Path) -> list[Path]:
    """Return a file elsewhere, or all files below a folder, in order.

    Raises SourceError where there is neither, or its storage cannot be asked.
    """
    if _asked(path, path.is_file):
        return [path]
    refuse_absent(path)
    return _asked(path, lambda: sorted((one for one in path.rglob("*") if one.is_file()), key=str))


def size_of(path: Path) -> int:
    """Return how many bytes a file has. Raises OSError."""
    return int(_info(path).get("size") or 0)


def mark_of(path: Path) -> str | None:
    """Return what its storage says of a file's content, None where that says nothing. Raises OSError."""
    info = _info(path)
    return next((f"{info[name]}" for name in _MARKS if info.get(name)), None)


def open_remote(path: Path) -> BinaryIO:
    """Open a file from elsewhere. Raises OSError, then and while it is read."""
    return cast(BinaryIO, io.BufferedReader(_RemoteFile(path), _BLOCK))


class _RemoteFile(io.RawIOBase):
    """A file's bytes; where a connection breaks, it is opened again and read on from there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = size_of(path)
        self._mark = mark_of(path)
        self._file: Any = None
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), max(0, self._size - self._at)) if self._size else len(buffer)
        if not wanted:
            return 0
        data = self._tried(lambda: self._read(wanted))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _read(self, count: int) -> bytes:
        if self._file is None:
            self._file = cast(Any, self._path).fs.open(cast(Any, self._path).path, "rb", block_size=_BLOCK)
        if self._file.tell() != self._at:
            self._file.seek(self._at)
        data: bytes = self._file.read(count)
        if not data and self._size:
            raise OSError(f"it ends after {self._at} of {self._size} bytes")
        return data

    def _tried(self, read: Callable[[], bytes]) -> bytes:
        pause = FIRST_PAUSE_S
        for left in reversed(range(TRIES)):
            try:
                return read()
            except (FileNotFoundError, PermissionError, MemoryError):
                raise
            except Exception as error:
                self._let_go()
                if not left:
                    raise OSError(reason_of(error)) from error
            time.sleep(pause)
            pause *= 2
            self._refuse_change()
        raise AssertionError  # the last try returns or raises

    def _refuse_change(self) -> None:
        """Raise OSError where there is another file by now; one that cannot be asked for is tried again."""
        try:
            now = size_of(self._path), mark_of(self._path)
        except OSError:
            return
        if now != (self._size, self._mark):
            raise OSError("it has changed while it was read")

    def _let_go(self) -> None:
        if self._file is not None:
            with suppress(Exception):  # whatever its connection says of its end
                self._file.close()
            self._file = None


def _info(path: Path) -> dict[str, Any]:
    fs: Any = cast(Any, path).fs
    try:
        found: dict[str, Any] = fs.info(cast(Any, path).path, **({"refresh": True} if _has_refresh(fs) else {}))
    except OSError:
        raise
    except Exception as error:
        raise OSError(reason_of(error)) from error
    return found


def _has_refresh(fs: Any) -> bool:
    return "s3" in fs.protocol


def _asked(path: Path, ask: Callable[[], Answer]) -> Answer:
    """Return an answer of a storage. Raises SourceError where it gives none."""
    try:
        return ask()
    except Exception as error:
        raise SourceError(f"{path} cannot be read: {reason_of(error)}") from error
