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

from db.errors import SourceError
from producers.sources.place import Place

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


class _GzipDecompressor:
    """zlib's decompression of one gzip member behind the others' interface."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)  # 16 + 15: a gzip header, the largest window
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


def _zstd_decompressor() -> Decompressor:
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
    Codec(name="zstd", suffix=".zst", magics=_ZSTD_MAGICS, open=_zstd_decompressor),
    Codec(name="gzip", suffix=".gz", magics=(b"\x1f\x8b",), open=_GzipDecompressor),
    Codec(name="bzip2", suffix=".bz2", magics=(b"BZh",), open=bz2.BZ2Decompressor),
    Codec(name="xz", suffix=".xz", magics=(b"\xfd7zXZ\x00",), open=lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
)

_DECODER_ERRORS = (zstd.ZstdError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


class ByteStream:
    """The decompressed bytes of a file in blocks of at most BLOCK, and how far the latest reading has come."""

    def __init__(self, place: Place) -> None:
        self.place = place
        #: Share of the file's own bytes that was consumed, from 0 to 1.
        self.share_read = 0.0
        #: Bytes of the file itself, and how many of them were read.
        self._size = 0
        self._consumed = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes from the beginning. Raises SourceError where they end before their time."""
        with closing(self._raw()) as raws:
            head = next(raws, b"")
            codec = self._codec(head)
            blocks = chain((head,), raws)
            yield from blocks if codec is None else self._decompress(codec, blocks)

    def _raw(self) -> Generator[bytes, None, None]:
        self._consumed = 0
        try:
            with self.place.path.open("rb", buffering=0) as file:
                self._size = os.fstat(file.fileno()).st_size
                while raw := file.read(RAW_BLOCK):
                    self._consumed += len(raw)
                    self.share_read = min(1.0, self._consumed / max(self._size, 1))
                    yield raw
        except OSError as error:
            raise SourceError(f"{self.place} cannot be read: {error.strerror or error}") from error

    def _codec(self, head: bytes) -> Codec | None:
        for codec in CODECS:
            if head.startswith(codec.magics):
                return codec
        suffix = self.place.path.suffix.lower()
        named = next((codec for codec in CODECS if codec.suffix == suffix), None)
        if named is None:
            return None
        if not head:
            raise SourceError(f"{self.place} is empty: expected a {named.name} file; fetch it again")
        if named.may_begin(head):
            raise self._truncated(named)
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
                except _DECODER_ERRORS as error:
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
        at = self._consumed - len(data)
        return SourceError(
            f"{self.place} holds {self._size - at} bytes of something else behind its {codec.name} data, "
            f"{data[:_SHOWN]!r} from byte {at} on; the lines before them are read; cut them off, or fetch it again"
        )
