"""The folder of a lake, of this machine or elsewhere: files that are written once, never changed, and outlive a kill.

A file that is whole when it is written is on the disk then, or with the storage that took it. What a kill leaves of one
is named by nobody (moodmill.db.lake.manifest).
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast
from uuid import uuid4

from moodmill.db.core.atomicfile import atomic_file, make_folder, sync_folder
from moodmill.db.core.elsewhere import is_remote, is_url, path_of, reason_of
from moodmill.db.core.errors import SettingError, StoreAwayError, StoreError

#: What would stand for several files where the lake is read.
_MAGIC: Final = "*?[]"
#: What storages raise of credentials that they do not find; named, for the packages are not always there.
_NO_CREDENTIALS: Final = ("NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError")
#: Bytes that are handed to a storage at once, where a file is too large to be in memory.
_PART: Final = 16 << 20
#: Of files that are gone from a storage elsewhere, how many at once.
_AT_ONCE: Final = 1_000


class FoundFile(NamedTuple):
    """A file that lies in a lake, whether or not it is a part of it."""

    name: str
    size: int
    #: By the clock of its storage.
    written_at: datetime


class LakeFolder:
    def __init__(self, address: str) -> None:
        """`address` is a folder or a URL. Opens nothing.

        Raises SettingError for a URL that lets in whoever has it, or that nothing here can write to.
        """
        path = path_of(address)  # first, for it shows no secret
        if not is_remote(path):
            path = Path(os.path.abspath(path))  # noqa: PTH100 - which alone resolves dots, and no links
        if set(str(path)) & set(_MAGIC):
            raise SettingError(f"MOODMILL_LAKE is {str(path)!r}: expected a folder without any of {' '.join(_MAGIC)}")
        self._path: Final = path
        #: What fsspec has for storages elsewhere; None for a folder of this machine.
        self.filesystem: Final[Any] = cast(Any, path).fs if is_remote(path) else None

    @property
    def address(self) -> str:
        """What names the folder from anywhere: an absolute path, or a URL."""
        return str(self._path)

    def where(self, name: str) -> str:
        """Return the path or URL of a file."""
        return str(self._path / name)

    def write(self, name: str, data: bytes) -> None:
        """Write a file. Raises StoreAwayError where that may go well later, and StoreError where it may not."""
        with _translated(self.address):
            if self.filesystem is not None:
                self.filesystem.pipe_file(self._key(name), data)
                return
            with self._new(name) as file:
                file.write(data)

    def put(self, name: str, data: bytes) -> None:
        """Write a file in the place of what has its name, whole at each moment. Raises as `write`."""
        if self.filesystem is not None:
            self.write(name, data)
            return
        with _translated(self.address):
            make_folder((self._path / name).parent)
            with atomic_file(self._path / name) as file:
                file.write(data)

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        """Yield a file to write, of any size; an exception leaves none, or one that nobody names. Raises as `write`."""
        with _translated(self.address):
            if self.filesystem is not None:
                file = self.filesystem.open(self._key(name), "wb", block_size=_PART)
                try:
                    yield file
                except BaseException:
                    file.discard()
                    raise
                file.close()
                return
            with self._new(name) as file:
                yield file

    def check(self) -> None:
        """Write a file, and delete it. Raises StoreError where that cannot be done."""
        name = f"check-{uuid4().hex}"
        self.write(name, b"moodmill")
        self.delete([name])

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none. Raises StoreError."""
        with _translated(self.address):
            with suppress(FileNotFoundError):
                if self.filesystem is not None:
                    return bytes(self.filesystem.cat_file(self._key(name)))
                return (self._path / name).read_bytes()
            return None

    def files(self, below: str) -> Iterator[FoundFile]:
        """Yield what lies below a folder of it. Raises StoreError."""
        with _translated(self.address):
            yield from self._found_elsewhere(below) if self.filesystem is not None else self._found(below)

    def delete(self, names: Iterable[str]) -> None:
        """Delete files; one that is gone already is no error. Raises StoreError."""
        with _translated(self.address):
            if self.filesystem is None:
                for name in names:
                    path = self._path / name
                    path.unlink(missing_ok=True)
                    if path.parent != self._path:
                        with suppress(OSError):  # there are others in it
                            path.parent.rmdir()
                return
            keys = [self._key(name) for name in names]
            for first in range(0, len(keys), _AT_ONCE):
                try:
                    self.filesystem.rm(keys[first : first + _AT_ONCE])
                except FileNotFoundError:  # of some storages, whatever is left of them
                    for key in keys[first : first + _AT_ONCE]:
                        with suppress(FileNotFoundError):
                            self.filesystem.rm_file(key)

    @contextmanager
    def _new(self, name: str) -> Iterator[IO[bytes]]:
        path = self._path / name
        make_folder(path.parent)
        try:
            opened = path.open("xb")
        except FileNotFoundError:  # whoever collects garbage took the folder for empty
            make_folder(path.parent)
            opened = path.open("xb")
        try:
            with opened as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)  # a full disk has no room for parts
            raise
        sync_folder(path.parent)

    def _found(self, below: str) -> Iterator[FoundFile]:
        for folder, _, names in os.walk(self._path / below):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):  # by now
                    stat = path.stat()
                    written = datetime.fromtimestamp(stat.st_mtime, UTC)
                    yield FoundFile(path.relative_to(self._path).as_posix(), stat.st_size, written)

    def _found_elsewhere(self, below: str) -> Iterator[FoundFile]:
        root = self._key("")
        self.filesystem.invalidate_cache()
        found: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError):
            found = self.filesystem.find(self._key(below), detail=True)
        for key, info in found.items():
            written = next((info[name] for name in ("LastModified", "mtime", "updated") if info.get(name)), None)
            if isinstance(written, str):
                written = datetime.fromisoformat(written)
            if written is not None:  # of what nobody knows how old it is, nothing is collected
                yield FoundFile(key.removeprefix(root).lstrip("/"), int(info["size"]), written.astimezone(UTC))

    def _key(self, name: str) -> str:
        return str(cast(Any, self._path / name).path)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Turn what a storage raises into a StoreError of one line."""
    try:
        yield
    except StoreError:
        raise
    except (PermissionError, FileNotFoundError, NotADirectoryError, FileExistsError) as error:
        raise StoreError(f"cannot use the lake {address}: {reason_of(error)}; check MOODMILL_LAKE") from error
    except OSError as error:
        raise StoreAwayError(f"cannot use the lake {address} just now: {reason_of(error)}") from error
    except Exception as error:
        if not is_url(address):  # the packages of others raise what they like
            raise
        kind = StoreError if type(error).__name__ in _NO_CREDENTIALS else StoreAwayError
        raise kind(f"cannot use the lake {address}: {reason_of(error)}") from error
