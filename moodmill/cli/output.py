"""Files that commands write: whole or not at all, and their owner's alone, for they hold people's texts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from moodmill.cli.failure import remedy
from moodmill.db.core.atomicfile import atomic_file, atomic_folder
from moodmill.db.core.errors import SettingError

#: Rights of a file, within the umask.
RIGHTS: Final = 0o600
#: Rights that nobody but the owner gets.
_OTHERS: Final = 0o077


@contextmanager
def translated_errors(to: Path) -> Iterator[None]:
    """Say in a line what cannot be written, and what to do."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SettingError(f"cannot write {to}: {error.strerror or error}{remedy(error)}") from error


@contextmanager
def output_file(to: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `to` once it is whole. Raises SettingError where it cannot be written."""
    with translated_errors(to), atomic_file(to, RIGHTS) as file:
        yield file


@contextmanager
def output_folder(to: Path) -> Iterator[Path]:
    """Yield a folder that gets the name `to` once it is whole. Raises SettingError where it cannot be written.

    Files and folders that this process makes meanwhile are for their owner alone, or what a stricter umask says.
    """
    umask = os.umask(_OTHERS)
    os.umask(umask | _OTHERS)
    try:
        with translated_errors(to), atomic_folder(to) as part:
            yield part
    finally:
        os.umask(umask)
