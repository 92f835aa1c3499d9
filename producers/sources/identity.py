"""Telling whether a file is the one that a run began with."""

import hashlib
import os
from pathlib import Path

from db.errors import SourceError

#: Bytes read of either end: dumps have up to 40 GB.
_END = 64 << 10
#: Hexadecimal digits kept of the hash.
_DIGITS = 32


def fingerprint(path: Path) -> str:
    """Return a mark of the file's size and of both its ends; a copy has the same, whatever its name and times."""
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_END))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END))
            digest.update(file.read(_END))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    return f"{size}-{digest.hexdigest()[:_DIGITS]}"
