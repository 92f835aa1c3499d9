"""Values of JSON, cut out of blocks of bytes as they stand there, however long and however broken inside."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from math import inf

from moodmill.producers.sources.lines import HEAD, LINE_LIMIT, Overlong

#: Bytes up to which a value is given whole, though nobody asked for it, and brackets open at once in it.
WHOLE_LIMIT = 1 << 20
_DEPTH_LIMIT = 5_000
#: Bytes that a word may have which is neither text, object nor array.
_WORD_LIMIT = 64 << 10
#: Bytes that are at hand wherever something is looked at, for a byte order mark may be cut in two.
_MARGIN = 3
#: Bytes of what was found that an error shows.
_SHOWN = 20

_BLANKS = re.compile(rb"[ \t\r\n]*+")
_BRACKET = re.compile(rb"[][{}]")
_COMMA = re.compile(rb"[ \t\r\n]*+,[ \t\r\n]*+")
_TEXT = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_WORD = re.compile(rb'[^\s,:{}\[\]"]*+')


class BrokenJsonError(ValueError):
    """Bytes that are no JSON, and where they stand."""


class EndedJsonError(BrokenJsonError):
    """A document whose end is missing."""


class Cutter:
    """The bytes that are not taken yet: as many as a value needs."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._data = b""
        self._at = 0
        #: Bytes before those in `_data`.
        self._before = 0

    def peek(self, blanks: re.Pattern[bytes] = _BLANKS) -> bytes:
        """Go to what is not blank, and return its first byte; b"" behind all."""
        while True:
            match = blanks.match(self._data, self._at)
            self._at = match.end() if match else self._at
            if len(self._data) - self._at >= _MARGIN or not self._more():
                return self._data[self._at : self._at + 1]

    def skip(self) -> None:
        """Take one byte."""
        self._at += 1

    def skip_comma(self) -> bool:
        """Go to the value behind a comma, if both are at hand."""
        match = _COMMA.match(self._data, self._at)
        if match is None or match.end() > len(self._data) - _MARGIN:
            return False
        self._at = match.end()
        return True

    def cut(self) -> bytes | Overlong:
        """Take the value that begins here, whatever it holds; Overlong stands for one of more than LINE_LIMIT bytes."""
        data, at = self._data, self._at
        first = data[at : at + 1]
        if first == b'"':
            return self._cut_to(_TextEnd())
        if first not in (b"{", b"["):
            return self._word()
        end = data.find(b"}", at) + 1
        # Most records have no object in them: the first bracket that closes one, outside of texts, closes them.
        is_flat = first == b"{" and 0 < end <= at + LINE_LIMIT and data.count(b"{", at, end) == 1
        if is_flat and not _has_odd_quotes(data, at, end):
            self._at = end
            return data[at:end]
        return self._cut_to(_BracketEnd())

    def cut_small(self) -> bytes | None:
        """Take the object or array that begins here if it has at most WHOLE_LIMIT bytes."""
        end = _BracketEnd(_DEPTH_LIMIT)
        while not (length := end.find(self._data, self._at)):
            if end.seen > WHOLE_LIMIT or end.depth > _DEPTH_LIMIT or not self._more():
                return None
        if length > WHOLE_LIMIT:
            return None
        self._at += length
        return self._data[self._at - length : self._at]

    def _cut_to(self, end: "_End") -> bytes | Overlong:
        head, dropped = b"", 0
        while not (length := end.find(self._data, self._at)):
            if dropped or end.seen > LINE_LIMIT:
                head = head or self._data[self._at : self._at + HEAD]
                dropped += end.seen
                self._at += end.seen
                end.seen = 0
            if not self._more():
                raise self.ended()
        self._at += length
        if not dropped and length <= LINE_LIMIT:
            return self._data[self._at - length : self._at]
        return Overlong(head or self._data[self._at - length :][:HEAD], dropped + length)

    def _word(self) -> bytes:
        while True:
            match = _WORD.match(self._data, self._at)
            word = match[0] if match else b""
            if len(word) > _WORD_LIMIT:
                raise self.broken(f"a word of at most {_WORD_LIMIT} bytes")
            # One that ends with the block may go on in the next.
            if self._at + len(word) < len(self._data) or not self._more():
                break
        if not word:
            raise self.broken("a value")
        self._at += len(word)
        return word

    def broken(self, expected: str, taken: bytes = b"") -> BrokenJsonError:
        """Return the error of what stands here, or was just taken."""
        found = (taken or self._data[self._at : self._at + _SHOWN])[:_SHOWN]
        if not found:
            return self.ended()
        at = self._before + self._at - len(taken)
        return BrokenJsonError(f"broken JSON at byte {at}: expected {expected}, found {found!r}")

    def ended(self) -> EndedJsonError:
        return EndedJsonError(f"truncated JSON: it ends at byte {self._before + len(self._data)}, inside a document")

    def _more(self) -> bool:
        """Add the next block to what is not taken; False where there is none."""
        block = next(self._blocks, None)
        if block is None:
            return False
        self._before += self._at
        self._data = self._data[self._at :] + block
        self._at = 0
        return True


class _End(ABC):
    """Looks for the end of the value that begins somewhere, in bytes of which more may come."""

    def __init__(self) -> None:
        #: Bytes of the value that are looked at, as far as they are there.
        self.seen = 0

    @abstractmethod
    def find(self, data: bytes, start: int) -> int:
        """Return the length of the value that begins at `start`, 0 where its end is not among the bytes."""


class _TextEnd(_End):
    def __init__(self) -> None:
        super().__init__()
        self.seen = 1  # the quote that begins it

    def find(self, data: bytes, start: int) -> int:
        end, is_whole = _end_of_text(data, start + self.seen)
        self.seen = end - start
        return self.seen if is_whole else 0


class _BracketEnd(_End):
    """Of an object or array.

    Brackets count where an even number of quotes stands before them: so all but a few bytes are passed over in C.
    """

    def __init__(self, levels: float = inf) -> None:
        """It looks no further where more than so many levels are open."""
        super().__init__()
        self.depth = 0
        self._levels = levels
        self._in_text = False

    def find(self, data: bytes, start: int) -> int:
        at = start + self.seen
        is_whole = True
        if self._in_text:
            at, is_whole = _end_of_text(data, at)
        while is_whole and (match := _BRACKET.search(data, at)):
            bracket = match.start()
            if bracket > at and _has_odd_quotes(data, at, bracket):
                at, is_whole = _end_of_text(data, bracket)
                continue
            at = bracket + 1
            self.depth += 1 if data[bracket] in b"{[" else -1
            if self.depth == 0:
                return at - start
            if self.depth > self._levels:
                self.seen = at - start
                return 0
        if is_whole:  # no bracket is left
            # A backslash at the very end belongs to what comes next.
            end = len(data) - _odd_backslash(data, at)
            is_whole = not _has_odd_quotes(data, at, end)
            at = end
        self.seen, self._in_text = at - start, not is_whole
        return 0


def _end_of_text(data: bytes, at: int) -> tuple[int, bool]:
    """Return where the text ends that `at` is in, and whether it does; else up to where it is looked at."""
    match = _TEXT.match(data, at)
    end = match.end() if match else at
    return (end + 1, True) if data.startswith(b'"', end) else (end, False)


def _has_odd_quotes(data: bytes, start: int, end: int) -> bool:
    quotes = data.count(b'"', start, end)
    if quotes and data.find(b"\\", start, end) >= 0:
        quotes = data[start:end].replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')
    return quotes % 2 == 1


def _odd_backslash(data: bytes, start: int) -> int:
    """Return 1 if `data` from `start` on ends with a backslash that no other one stands before, or an even number."""
    if not data.endswith(b"\\"):
        return 0
    rest = data[start:]
    return (len(rest) - len(rest.rstrip(b"\\"))) % 2
