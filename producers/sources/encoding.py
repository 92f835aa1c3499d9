"""The encoding of a text file, and its bytes as lines of text; what does not decode stays visible in its line.

UTF-8, and UTF-16 by its byte order mark, are read as they are. No other encoding can be recognized for certain, so any
other file is refused with the one it looks like: somebody has to name it.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

from moodmill.db.core.errors import SettingError, SourceError
from moodmill.producers.sources.lines import HEAD, LINE_LIMIT, Overlong

#: What stands in a text for a byte (surrogateescape) or a unit of UTF-16 that is no character.
UNDECODED: Final = re.compile("[\ud800-\udfff]")

_BOMS: Final = (
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE: Final = ("utf-16-le", "utf-16-be")
#: Encodings that tables are commonly in when they are not in UTF-8.
_LIKELY: Final = (
    "cp1252",
    "latin_1",
    "iso8859_15",
    "cp1250",
    "cp1251",
    "koi8_r",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
)
_LATIN: Final = frozenset(("cp1252", "latin_1", "iso8859_15", "cp1250"))
#: Central European letters, read as Western: some are signs within words, and these four are.
_CENTRAL: Final = re.compile(r"[\u0160\u0161\u017d\u017e]|[^\W\d_][\u00b9\u00b3\u00bc\u00be\u00bf\u00a5\u00a3]")
#: Bytes of the lines beyond ASCII by which an encoding is guessed: more do not improve the guess.
_TELLING: Final = 32 << 10
#: Bytes by which a file without any known beginning is recognized as no text.
_BINARY_LOOKED_AT: Final = 4096
#: What texts hold of the control characters: tab, line feed, form feed, carriage return, and Hive's U+0001 and U+0002.
_IN_TEXTS: Final = frozenset(b"\x01\x02\t\n\v\f\r\x1a\x1b")
#: Share of other control characters, NUL among them, that no text has.
_BINARY: Final = 0.1
#: Bytes that an error shows before and behind what is wrong.
_SHOWN: Final = 12


def check_encoding(name: str) -> str:
    """Return how Python calls an encoding. Raises SettingError where it is none, or none that tables are in."""
    try:
        codec = codecs.lookup(name).name
        ascii_alike = "a\n".encode(codec) == b"a\n"
    except (LookupError, ValueError):
        raise SettingError(
            f"expected the name of an encoding, such as utf-8, cp1252 or utf-16, found {name!r}"
        ) from None
    if codec.startswith("utf-16"):
        return codec
    if not ascii_alike or codec in ("idna", "raw-unicode-escape"):
        raise SettingError(
            f"expected an encoding that holds ASCII as it is, or UTF-16, found {name!r}: convert the file to UTF-8"
        )
    return codec.removesuffix("-sig")


def find_encoding(head: bytes, is_whole: bool, given: str | None, source: object) -> str:
    """Return the encoding of the file that begins with `head`, or is `head`.

    Raises SourceError if it is no text, or nobody gave one and it is neither UTF-8 nor UTF-16 with a byte order mark.
    """
    marked = next((name for mark, name in _BOMS if head.startswith(mark)), None)
    if marked == "utf-32":
        raise SourceError(f"{source} is UTF-32, which is not read: convert it to UTF-8 first")
    if given == "utf-16":
        return marked if marked in _WIDE else "utf-16-le"  # Windows writes this one, and Python assumes it
    if given in _WIDE or (given is None and marked in _WIDE):
        return given or str(marked)
    if given is None and (looks := _looks_wide(head)):
        raise SourceError(
            f"{source} is no UTF-8: it looks like UTF-16 without a byte order mark; read it with --encoding {looks}"
        )
    if _is_binary(head):
        raise SourceError(f"{source} is no text: it begins with {head[:_SHOWN]!r}")
    if given is not None:
        return given
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=is_whole)
    except UnicodeDecodeError as error:
        begin, at = head.rfind(b"\n", 0, error.start) + 1, error.start
        line = head.count(b"\n", 0, at) + 1
        shown = head[max(begin, at - _SHOWN) : at + _SHOWN].splitlines()[0]
        looks = _looks_like(head)
        advice = f"it looks like {looks}: read it with --encoding {looks}" if looks else "say its own by --encoding"
        raise SourceError(f"{source} is no UTF-8: line {line} holds {shown!r}; {advice}") from None
    return "utf-8"


def _is_binary(head: bytes) -> bool:
    """Whether a file that begins with `head` is no text, in UTF-8 or an encoding that holds ASCII as it is."""
    looked = head[:_BINARY_LOOKED_AT]
    strange = sum(byte < 0x20 and byte not in _IN_TEXTS for byte in looked)
    return strange > _BINARY * len(looked) and strange > 1


def _looks_wide(head: bytes) -> str | None:
    """Return which UTF-16 it is by its NULs: those of ASCII stand in every other byte."""
    low, high = head[0::2], head[1::2]
    if len(high) < 4:
        return None
    if high.count(0) > 0.4 * len(high) > 0 and low.count(0) < 0.1 * len(low):
        return "utf-16-le"
    if low.count(0) > 0.4 * len(low) and high.count(0) < 0.1 * len(high):
        return "utf-16-be"
    return None


def _looks_like(head: bytes) -> str | None:
    from charset_normalizer import from_bytes  # its import takes a while: only files that need it pay

    telling, size = [], 0
    for line in head.splitlines(keepends=True):
        if size < _TELLING and not line.isascii():
            telling.append(line[:_TELLING])
            size += len(line)
    best = from_bytes(b"".join(telling), cp_isolation=list(_LIKELY), enable_fallback=False).best()
    if best is None:
        return None
    if best.encoding in _LATIN:
        return _latin(b"".join(telling))
    return best.encoding.replace("_", "-")


def _latin(telling: bytes) -> str:
    """Return which of the encodings of Latin letters it is: most of their bytes stand for letters in each of them.

    Windows' Western one unless its readings are none of Western languages: browsers take it for Latin-1 as well.
    """
    text = telling.decode("cp1252", "replace")
    if "\ufffd" in text or _CENTRAL.search(text) or ("\u00f5" in text and "\u00f6" in text):
        return "cp1250"
    return "iso8859-15" if "\u00a4" in text else "cp1252"


def read_text(blocks: Iterable[bytes], encoding: str, end: str = "\n") -> Iterator[list[str] | Overlong]:
    r"""Yield the lines of a file with their ends, in order, many at once; one that is too long stands alone.

    Only `end` ends a line, "\n" or "\r"; a byte order mark is no part of the first. What does not decode becomes a lone
    surrogate (see UNDECODED), so one bad byte costs no other line. If `blocks` raises (a truncated file), the line that
    was being read is not yielded.
    """
    if encoding in _WIDE:
        # As UTF-8 its line ends are single bytes, and what is no character stays what it is.
        blocks, encoding, errors = _narrowed(blocks, encoding), "utf-8", "surrogatepass"
    else:
        errors = "surrogateescape"
    rest, head, skipped = b"", b"", 0
    mark = end.encode()
    for block in _without_bom(blocks):
        piece = block
        if skipped:
            at = piece.find(mark)
            if at < 0:
                skipped += len(piece)
                continue
            yield Overlong(head, skipped + at)
            piece, skipped = piece[at + 1 :], 0
        last = piece.rfind(mark) + 1
        if not last:
            rest += piece
            if len(rest) > LINE_LIMIT:
                head, skipped, rest = rest[:HEAD], len(rest), b""
            continue
        whole, rest = rest + piece[:last], piece[last:]
        first = whole.find(mark)
        if first > LINE_LIMIT:
            yield Overlong(whole[:HEAD], first)
            whole = whole[first + 1 :]
        if whole:
            yield lines_of(_decoded(whole, encoding, errors), end)
    if skipped:
        yield Overlong(head, skipped)
    elif rest:
        yield [_decoded(rest, encoding, errors)]


def lines_of(text: str, end: str = "\n") -> list[str]:
    """Cut a text into lines, each with its end."""
    if end == "\n":
        return list(StringIO(text, newline="\n"))  # cuts at nothing else, and translates nothing
    *lines, rest = text.split(end)
    return [*(line + end for line in lines), *([rest] if rest else [])]


def _decoded(lines: bytes, encoding: str, errors: str) -> str:
    try:
        return lines.decode(encoding)
    except UnicodeDecodeError:
        # Line by line, for in some encodings a bad byte takes the next one with it, were it a line's end.
        return "".join(_decoded_line(line, encoding, errors) for line in lines.splitlines(keepends=True))


def _decoded_line(line: bytes, encoding: str, errors: str) -> str:
    try:
        return line.decode(encoding, errors)
    except UnicodeDecodeError:
        return "\udcff" + line.decode(encoding, "replace")  # it chokes on ASCII, which no surrogate may stand for


def _narrowed(blocks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield UTF-16 as UTF-8; lone surrogates, and one for half a unit at the end, go through."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for block in blocks:
        yield decoder.decode(block).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:
        yield b"\xed\xb3\xbf"  # U+DCFF


def _without_bom(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield blocks without the byte order mark of UTF-8 at the beginning of the first."""
    several = iter(blocks)
    head = b""
    for block in several:
        head += block
        if len(head) >= len(codecs.BOM_UTF8):
            break
    yield head.removeprefix(codecs.BOM_UTF8)
    yield from several
