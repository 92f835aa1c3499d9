"""The bytes of a file behind whatever compression its first bytes tell of."""

import bz2
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.foreign import refuse_foreign
from moodmill.producers.sources.member import refuse_bomb
from moodmill.producers.sources.place import Place

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bytes read from the file at once.
RAW_BLOCK = 256 << 10
#: Bytes that one step of decompression may give, so that no bomb fills the memory.
BLOCK = 1 << 20
#: Bytes of a file's beginning, or of what follows its data, that an error shows.
_SHOWN = 16
#: What may follow a stream without being one: tapes and full disks pad with NULs, editors and shells add newlines.
_PADDING = b"\0\r\n"


class Decompressor(Protocol):
    """What bz2, lzma and zstd offer: the decompression of one stream (frame, member), whatever follows it."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Inflater:
    """zlib's decompression of one gzip member, or of what `wbits` says, behind the others' interface."""

    def __init__(self, wbits: int = 31) -> None:  # 16 + 15: a gzip header, the largest window
        self._member = zlib.decompressobj(wbits)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        block = self._member.decompress(self._member.unconsumed_tail + data, max_length)
        # Less than allowed means that all the input is used up.
        self.needs_input = len(block) < max_length
        return block


def zstd_decompressor() -> Decompressor:
    """Return the decompression of one zstd frame."""
    # Reddit's dumps are written with a window of 2^31 bytes; by default only 2^27 are accepted.
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 31})


@dataclass(frozen=True, kw_only=True, slots=True)
class Codec:
    """A compression: how a file of it is named, how it begins, and how one stream of it is read."""

    name: str
    suffix: str
    magics: tuple[bytes, ...]
    open: Callable[[], Decompressor]

    def may_begin(self, data: bytes) -> bool:
        """Tell whether `data` is the beginning of a magic."""
        return any(magic.startswith(data) for magic in self.magics)


#: pzstd begins its files with a skippable frame, which has one of sixteen magics.
_ZSTD_MAGICS = (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60)))

CODECS = (
    Codec(name="zstd", suffix=".zst", magics=_ZSTD_MAGICS, open=zstd_decompressor),
    Codec(name="gzip", suffix=".gz", magics=(b"\x1f\x8b",), open=Inflater),
    Codec(name="bzip2", suffix=".bz2", magics=(b"BZh",), open=bz2.BZ2Decompressor),
    Codec(name="xz", suffix=".xz", magics=(b"\xfd7zXZ\x00",), open=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
)

#: The suffix of files with blocks of rows, see moodmill.producers.sources.zstblocks.
ZST_BLOCKS = ".zst_blocks"

#: What decompressors raise for damaged data.
DECODER_ERRORS = (zstd.ZstdError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def codec_of(head: bytes) -> Codec | None:
    """Return the compression of a file that begins so, None if it has none."""
    return next((codec for codec in CODECS if head.startswith(codec.magics)), None)


class ByteStream:
    """The decompressed bytes of a place in blocks of at most BLOCK, and how far the latest reading has come."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: Share of the file's (the member's) own bytes that was consumed, from 0 to 1.
        self.share_read = 0.0
        #: Bytes of the file that were read for it, and how many it has.
        self.taken = 0
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning. Raises SourceError where they end before their time.

        So it does where they begin as those of a kind of file that holds no text.
        """
        given = 0
        with closing(self.decompressed()) as blocks:
            for block in blocks:
                if not given:
                    refuse_foreign(self.place, block)
                given += len(block)
                if self.place.member is not None:
                    refuse_bomb(self.place, given, self.taken)
                yield block

    def decompressed(self) -> Generator[bytes, None, None]:
        """Yield the bytes from the beginning, whatever they are."""
        from moodmill.producers.sources.zstblocks import (  # which decompresses by what stands here
            is_zst_blocks,
            read_rows,
        )

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
        if self.place.member is not None:
            yield from self._member()
            return
        try:
            with self.place.path.open("rb", buffering=0) as file:
                counted = self.place.size
                self._size = os.fstat(file.fileno()).st_size if counted is None else counted
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

    def _member(self) -> Iterator[bytes]:
        from moodmill.producers.sources.archive import unpack  # archives are read by what stands here

        with closing(unpack(self.place)) as pieces:
            for piece in pieces:
                self.taken, self.share_read = piece.taken, piece.share
                yield piece.data

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
        much = f"{self._size - at} bytes of something else" if self.place.member is None else "something else"
        return SourceError(
            f"{self.place} holds {much} behind its {codec.name} data, "
            f"{data[:_SHOWN]!r} from byte {at} on; the lines before them are read; cut them off, or fetch it again"
        )
