"""A place as a file that can be read from any byte on, as Parquet and Arrow are."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO, cast

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import codec_of
from moodmill.producers.sources.files import open_file
from moodmill.producers.sources.foreign import HEAD, foreign_head
from moodmill.producers.sources.place import Place

#: What has its own compression inside and is read here.
_OURS = ("Parquet", "Arrow")


@contextmanager
def opened(place: Place) -> Iterator[BinaryIO]:
    """Open a place's bytes as they lie there, at the first.

    A member of an archive is copied to a temporary file, which nothing but the disk bounds, and which is gone with the
    context. Raises SourceError where it cannot be read or is clearly of another kind.
    """
    if place.member is not None:
        with _copied(place) as file:
            yield _checked(place, file)
        return
    try:
        file = open_file(place.path)
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error
    with file:
        yield _checked(place, file)


@contextmanager
def _copied(place: Place) -> Iterator[BinaryIO]:
    try:
        temporary = tempfile.TemporaryFile()  # noqa: SIM115 (without a name: it goes with the process, too)
    except OSError as error:
        raise _uncopied(place, error) from error
    with temporary as file:
        with closing(ByteStream(place).raw()) as blocks:
            for block in blocks:
                try:
                    file.write(block)
                except OSError as error:
                    raise _uncopied(place, error) from error
        file.seek(0)
        yield cast(BinaryIO, file)


def _uncopied(place: Place, error: OSError) -> SourceError:
    return SourceError(
        f"{place} cannot be copied to {tempfile.gettempdir()}, where it has to be to be read: "
        f"{error.strerror or error}; make room, set TMPDIR to a folder that has some, or unpack the archive"
    )


def _checked(place: Place, file: BinaryIO) -> BinaryIO:
    """Return a file that has not been read. Raises SourceError for what begins as another kind does."""
    try:
        head = file.read(HEAD)
        file.seek(0)
    except OSError as error:
        raise SourceError(f"{place} cannot be read: {error.strerror or error}") from error
    if codec := codec_of(head):
        raise SourceError(
            f"{place} is in {codec.name}, which cannot be read from the middle: decompress it; "
            "Parquet and Arrow have a compression of their own inside"
        )
    if (kind := foreign_head(head)) and not kind.name.startswith(_OURS):
        raise SourceError(f"{place} is {kind}")
    return file
