"""Telling whether a file is the one that a run began with."""

import hashlib
import os
from pathlib import Path

from moodmill.db.core.elsewhere import is_remote
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.files import open_file, size_of_file
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.remote import mark_of

#: Bytes read of either end: dumps have up to 40 GB.
_END = 64 << 10
#: Hexadecimal digits kept of the hash.
_DIGITS = 32
#: And of that of a member's name.
_MEMBER_DIGITS = 16


def fingerprint(place: Place | Path) -> str:
    """Return a mark of the file's size and of both its ends; a copy has the same, whatever its name and times.

    Of a file elsewhere it is of its size and of what its storage says of its content: its ETag, mostly.

    Where only the first bytes of a file count, it is theirs, whatever was added.

    That of an archive's member is the archive's, with the member's name.
    """
    if not isinstance(place, Place):
        return _of_file(place)
    whole = _of_file(place.path, place.size)
    if place.member is None:
        return whole
    return f"{whole}:{hashlib.sha256(place.member.encode()).hexdigest()[:_MEMBER_DIGITS]}"


def _of_file(path: Path, counted: int | None = None) -> str:
    try:
        if is_remote(path) and (mark := mark_of(path)):
            return f"{size_of_file(path)}-{hashlib.sha256(mark.encode()).hexdigest()[:_DIGITS]}"
        with open_file(path) as file:
            size = file.seek(0, os.SEEK_END)
            size = size if counted is None else min(size, counted)
            file.seek(0)
            digest = hashlib.sha256(file.read(min(size, _END)))
            begin = file.seek(max(0, size - _END))
            digest.update(file.read(size - begin))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    return f"{size}-{digest.hexdigest()[:_DIGITS]}"


def of_archive(mark: str) -> str:
    """Return the fingerprint of the archive whose member has this one; a file's own stays as it is."""
    return mark.partition(":")[0]
