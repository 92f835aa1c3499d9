"""The bytes of a place, a file or a member of an archive, behind whatever compression its first bytes show."""

from collections.abc import Generator
from contextlib import closing

from moodmill.producers.sources.archive import unpack
from moodmill.producers.sources.filestream import FileStream
from moodmill.producers.sources.member import refuse_bomb


class ByteStream(FileStream):
    """The decompressed bytes of a place; of a member, `taken` are the archive's bytes that were read for it."""

    def __iter__(self) -> Generator[bytes, None, None]:
        """Yield the bytes from the beginning, as those of a file. Raises SourceError where they are those of a bomb."""
        given = 0
        with closing(super().__iter__()) as blocks:
            for block in blocks:
                given += len(block)
                if self.place.member is not None:
                    refuse_bomb(self.place, given, self.taken)
                yield block

    def raw(self) -> Generator[bytes, None, None]:
        """Yield the bytes as they lie there, in blocks of bounded size."""
        if self.place.member is None:
            yield from super().raw()
            return
        self.taken = 0
        with closing(unpack(self.place)) as pieces:
            for piece in pieces:
                self.taken, self.share_read = piece.taken, piece.share
                yield piece.data
