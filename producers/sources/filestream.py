"""The bytes of a file behind whatever compression its first bytes show."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.codec import BLOCK, CODECS, DECODER_ERRORS, RAW_BLOCK, Codec, Decompressor, codec_of
from moodmill.producers.sources.files import open_file, size_of_file
from moodmill.producers.sources.foreign import refuse_foreign
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.zstblocks import is_zst_blocks, read_rows

#: Bytes of a file's beginning, or of what follows its data, that an error shows.
_SHOWN = 16
#: What may follow a stream without being one: tapes and full disks pad with NULs, editors and shells add newlines.
_PADDING = b"\0\r\n"


class FileStream:
    """The decompressed bytes of a file in blocks of at most BLOCK, and how far the latest reading has come."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: Share of the file's own bytes that was consumed, from 0 to 1.
        self.share_read = 0.0
        #: Bytes of the file that were read for it, and how many it has.
        self.taken = 0
        self._size = 0

    def __iter__(self) -> Generator[bytes, None, None]:
        """Yield the bytes from the beginning. Raises SourceError where they end before their time.

        So it does where they begin as those of a kind of file that holds no text.
        """
        is_first = True
        with closing(self.decompressed()) as blocks:
            for block in blocks:
                if is_first:
                    refuse_foreign(self.place, block)
                    is_first = False
                yield block

    def decompressed(self) -> Generator[bytes, None, None]:
        """Yield the bytes from the beginning, whatever they are."""
        with closing(self.raw()) as raws:
            head = next(raws, b"")
            codec = self._codec(head)
            blocks = chain((head,), raws)
            if codec is not None:
                yield from self._decompress(codec, blocks)
            elif is_zst_blocks(self.place, head):
                yield from read_rows(self.place, blocks)
            else:
                yield from blocks

    def raw(self) -> Generator[bytes, None, None]:
        """Yield the bytes as they lie there, in blocks of bounded size."""
        self.taken = 0
        try:
            with open_file(self.place.path, buffering=0) as file:
                counted = self.place.size
                self._size = size_of_file(self.place.path) if counted is None else counted
                while raw := file.read(RAW_BLOCK if counted is None else min(RAW_BLOCK, counted - self.taken)):
                    self.taken += len(raw)
                    self.share_read = min(1.0, self.taken / max(self._size, 1))
                    yield raw
        except OSError as error:
            raise SourceError(f"{self.place} cannot be read: {error.strerror or error}") from error
        if counted is not None and self.taken < counted:
            raise SourceError(
                f"{self.place} is shorter than it was: it had {counted} bytes when its run began, and ends after "
                f"{self.taken}; put the whole file back to resume, or label it in a run of its own"
            )

    def _codec(self, head: bytes) -> Codec | None:
        if codec := codec_of(head):
            return codec
        suffix = self.place.named.suffix.lower()
        named = next((codec for codec in CODECS if codec.suffix == suffix), None)
        if named is None:
            return None
        if not head:
            raise SourceError(f"{self.place} is empty: expected a {named.name} file; fetch it again")
        if named.may_begin(head):
            raise self._truncated(named)
        refuse_foreign(self.place, head)
        raise SourceError(
            f"{self.place} is not a {named.name} file: it begins with {head[:_SHOWN]!r}; "
            f"fetch it again, or take {suffix} from its name"
        )

    def _decompress(self, codec: Codec, raws: Iterable[bytes]) -> Iterator[bytes]:
        stream: Decompressor | None = None  # None between two streams
        streams = 0
        data = last = b""
        for raw in raws:
            data += raw
            while True:
                if stream is None:
                    data = data.lstrip(_PADDING)
                    if codec.may_begin(data):
                        break  # the rest of the magic, if there is one, is in the next block
                    if not data.startswith(codec.magics):
                        # Streams may end inside a line, but a file that is one stream ends with its last line.
                        if streams == 1 and last not in (b"", b"\n"):
                            yield b"\n"
                        raise self._trailing(codec, data)
                    stream = codec.open()
                    streams += 1
                try:
                    block = stream.decompress(data, BLOCK)
                except DECODER_ERRORS as error:
                    raise SourceError(f"{self.place} is damaged: {error}; fetch it again") from error
                if block:
                    last = block[-1:]
                    yield block
                if stream.eof:
                    data, stream = stream.unused_data, None
                else:
                    data = b""  # what is left of it, the stream holds
                    if stream.needs_input:
                        break
        if stream is not None or data:
            raise self._truncated(codec)

    def _truncated(self, codec: Codec) -> SourceError:
        return SourceError(f"{self.place} is truncated: it ends inside its {codec.name} data; fetch it again")

    def _trailing(self, codec: Codec, data: bytes) -> SourceError:
        at = self.taken - len(data)
        much = f"{self._size - at} bytes of something else" if self._size else "something else"
        return SourceError(
            f"{self.place} holds {much} behind its {codec.name} data, "
            f"{data[:_SHOWN]!r} from byte {at} on; the lines before them are read; cut them off, or fetch it again"
        )
