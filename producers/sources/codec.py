"""Compressions: how files of each are named and begin, and how one stream of it is read."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

#: Bytes read from the file at once.
RAW_BLOCK = 256 << 10
#: Bytes that one step of decompression may give, so that no bomb fills the memory.
BLOCK = 1 << 20


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

#: The suffixes of all compressions.
COMPRESSIONS = frozenset({*(codec.suffix for codec in CODECS), ZST_BLOCKS})

#: What decompressors raise for damaged data.
DECODER_ERRORS = (zstd.ZstdError, zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def codec_of(head: bytes) -> Codec | None:
    """Return the compression of a file that begins so, None if it has none."""
    return next((codec for codec in CODECS if head.startswith(codec.magics)), None)
