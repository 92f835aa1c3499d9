"""Files that have their name only once they are whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from db.errors import SettingError


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
    """Yield another name to write under; what is written gets its own once it is whole, and is deleted otherwise."""
    part = to.with_name(f"{to.name}.{os.getpid()}.part")
    try:
        with told(to):
            yield part
            part.rename(to)
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink(missing_ok=True)
