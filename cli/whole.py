"""Files that have their name only once they are whole, and are their owner's alone: they hold people's texts."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from db.errors import SettingError

#: Rights that nobody but the owner gets.
PRIVATE: Final = 0o077


@contextmanager
def told(to: Path) -> Iterator[None]:
    """Say in a line what cannot be written."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SettingError(f"cannot write {to}: {error.strerror or error}") from error


@contextmanager
def whole(to: Path) -> Iterator[Path]:
    """Yield another name to write under; what is written gets its own once it is whole, and is deleted otherwise.

    Files and folders that this process makes meanwhile are for their owner alone, or what a stricter umask says.
    """
    part = to.with_name(f"{to.name}.{os.getpid()}.part")
    umask = os.umask(PRIVATE)
    os.umask(umask | PRIVATE)
    try:
        with told(to):
            yield part
            part.rename(to)
    finally:
        os.umask(umask)
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
