"""The bytes of a text file in UTF-8, whatever encoding it is written in."""

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

from moodmill.db.core.errors import SettingError, SourceError
from moodmill.producers.sources.bytestream import ByteStream

#: UTF-32 first: its mark begins as that of UTF-16 does.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BY_NULS: Final[dict[tuple[bool, ...], str]] = {
    (True, False, True, False): "utf-16-be",
    (False, True, False, True): "utf-16-le",
}


def wide_encoding(head: bytes) -> str | None:
    """Return the encoding of a text by its byte order mark, or by the NULs beside its first letters; None of others."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    # Of two letters: a single NUL may be one that a full disk left.
    return _BY_NULS.get(tuple(byte == 0 for byte in head[:4]))


def in_utf8(stream: ByteStream, encoding: str | None) -> Iterable[bytes]:
    """Return the blocks of `stream` in UTF-8; None stands for files that are.

    What is none of the encoding becomes bytes that are no UTF-8, for whoever reads the record that has them. Raises
    SettingError where no encoding has the name, and SourceError where the file ends inside a character.
    """
    if encoding is None:
        return stream
    try:
        decoder = codecs.getincrementaldecoder(encoding)
    except LookupError as error:
        raise SettingError(f"expected an encoding that Python knows, such as cp1252, found {encoding!r}") from error
    name = codecs.lookup(encoding).name
    if name in ("utf-8", "ascii"):
        return stream
    is_wide = name.startswith(("utf-16", "utf-32"))
    return _transcoded(stream, decoder("surrogatepass" if is_wide else "surrogateescape"), encoding)


def _transcoded(stream: ByteStream, decoder: codecs.IncrementalDecoder, encoding: str) -> Iterator[bytes]:
    try:
        for block in stream:
            yield decoder.decode(block).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise SourceError(f"{stream.place} is no {encoding} from some character on: {error.reason}") from error
