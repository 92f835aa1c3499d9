"""Lines of a table made into rows; a row that cannot be read is a value and does not end the reading.

A quote that nobody closes must not swallow the rows behind it, and what a row is must not depend on where the reading
began or how the file came in blocks. So a row is looked for from its first line on, through MAX_LINES lines and
MAX_SIZE characters at most; where that fails, its first line is bad, and the next row begins in the line after it.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from moodmill.producers.sources.cutter import CsvCutter, CutError, Fields, cutter
from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.encoding import UNDECODED
from moodmill.producers.sources.likeness import Likeness
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong

#: Lines that a row has at most.
MAX_LINES: Final = 1_000
#: Characters that a row of several lines has at most.
MAX_SIZE: Final = 1 << 20
#: Lines with a quote that are looked at behind a row that is badly closed, for where the next one begins.
_MAX_DOUBTFUL: Final = 20
#: Lines that were read and are not forgotten one by one, which would move all behind them each time.
_KEPT: Final = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class BadRow:
    """What stands for a row that cannot be read."""

    #: The number of its first line, from 1.
    line: int
    #: What was expected and what came, without the number of the line.
    error: str
    #: The lines as they came, without the last one's end.
    text: str
    #: It has no end within the limits: see `Rows.read_on`.
    is_open: bool = False
    #: The lines ended before it did: with more of them it may be good.
    is_cut: bool = False


class Rows:
    """The rows of a table: iterate once. `line` and `text` tell of the row that came last.

    Rows before line `first` are left out. With a `width`, rows of another number of fields are bad, and so is a row
    of several lines that all look like rows; without one, empty lines are left out as they are in tables of several
    columns.
    """

    def __init__(
        self,
        lines: Iterable[list[str] | Overlong],
        dialect: Dialect,
        *,
        encoding: str = "utf-8",
        first: int = 1,
        width: int | None = None,
        like: str = "the header",
    ) -> None:
        self.width = width
        #: The number of the first line of the row that came last, from 1.
        self.line = 0
        self._dialect = dialect
        self._encoding = encoding
        self._like = like
        self._cutter = cutter(dialect)
        self._likeness = Likeness(dialect)
        self._batches = iter(lines)
        self._first = first
        #: Lines that came and are not read yet, or belong to the row that is; the number of the first of them.
        self._window: list[str] = []
        self._base = 1
        #: The number of the next line to read.
        self._at = 1
        #: Comes behind the window.
        self._overlong: Overlong | None = None
        # From line number to line number, lines that a row which opens before them goes on through: so that a file full
        # of quotes that nobody closes is looked through once, and not once a row.
        self._through = (0, -1)

    @property
    def text(self) -> str:
        """The lines of the row that came last, without the last one's end."""
        return "".join(self._window[self.line - self._base : self._at - self._base]).rstrip("\r\n")

    def __iter__(self) -> Iterator[Fields | BadRow]:
        while True:
            if not self._has(self._at):
                if self._overlong is None:
                    return
                yield from self._take(self._overlong)
            elif self._at < self._first:
                self._at = min(self._first, self._base + len(self._window))
            elif isinstance(self._cutter, CsvCutter) and self._at > self._through[1]:
                yield from self._many(self._cutter)
            else:
                yield from self._next()

    def read_on(self) -> Fields | None:
        """Return the row that came last, which is open, with all the lines it has, up to 16 MiB; None if it has no end.

        What comes next does not change: the rows that its lines were taken for stay.
        """
        number = self.line
        close, error = self._close(number, LINE_LIMIT, LINE_LIMIT)
        lines = self._lines(number, close + 1)
        if error is not None or not self._has(close) or sum(map(len, lines)) > LINE_LIMIT:
            return None
        like_rows = sum(line.count(self._dialect.delimiter) + 1 == self.width for line in lines)
        if self.width != 1 and like_rows > len(lines) / 2:
            return None  # these are rows behind a quote astray
        fields = self._cutter.cut("".join(lines))
        return fields if fields and len(fields) == self.width and not self._undecoded(lines) else None

    def _many(self, cutter: CsvCutter) -> Iterator[Fields | BadRow]:
        """Yield rows as long as nothing is wrong: where it may be, `_next` looks again."""
        self._drop()
        window, base, width = self._window, self._base, self.width
        done = 0
        reader = cutter.rows(window)
        try:
            for fields in reader:
                begin, done = done, reader.line_num
                self.line, self._at = base + begin, base + done
                line = window[begin]
                if done - begin == 1 and len(fields) == width and (line.isascii() or not UNDECODED.search(line)):
                    yield fields
                elif done - begin > 1 and self._is_doubtful(self.line, self._at, fields):
                    done = begin
                    break
                else:
                    yield from self._checked(fields)
        except csv.Error:
            pass
        self._at = base + done
        if done < len(window):
            yield from self._next()

    def _next(self) -> Iterator[Fields | BadRow]:
        """Yield the next row, unless it is an empty line."""
        self._drop(at_least=_KEPT)
        self.line = number = self._at
        line = self._line(number)
        try:
            fields = self._cutter.cut(line)
        except CutError as error:
            yield self._closed_badly(number, str(error))
            return
        if fields is None:
            yield from self._long()
            return
        self._at = number + 1
        yield from self._checked(fields)

    def _long(self) -> Iterator[Fields | BadRow]:
        """Yield the row that begins in the line `self.line` and goes on behind it."""
        number, opening = self.line, self._cutter.opening
        close, error = self._close(number, MAX_LINES, MAX_SIZE)
        size = sum(map(len, self._lines(number, close + 1)))
        if close - number >= MAX_LINES or size > MAX_SIZE or not self._has(close):
            yield self._not_closed(number)
        elif error is not None:
            yield self._closed_badly(number, f"{opening} is closed in line {close} within a field")
        elif self._are_rows(number, close + 1):
            self._at = number + 1
            error = f"{opening} is closed in line {close}, but each line as far as that looks like a row"
            yield BadRow(line=number, error=error, text=self.text)
        else:
            fields = self._cutter.cut("".join(self._lines(number, close + 1))) or []
            if self.width not in (None, len(fields)) and self._hold_rows(number, close + 1):
                self._at = number + 1
                error = f"{opening} is closed in line {close} and makes {len(fields)} fields, expected {self.width}"
                yield BadRow(line=number, error=error, text=self.text)
                return
            self._at = close + 1
            yield from self._checked(fields)

    def _close(self, number: int, max_lines: int, max_size: int) -> tuple[int, str | None]:
        """Return the number of the line where a row that goes on behind line `number` ends, and the error it ends with.

        It is one behind the limits, or behind the file, if there is none before.
        """
        begin, end = self._through
        if begin <= number + 1 <= end + 1:
            line = end + 1
        else:
            begin = line = number + 1
        size = sum(map(len, self._lines(number, line)))
        error: str | None = None
        while line - number < max_lines and size <= max_size and self._has(line):
            text = self._line(line)
            try:
                if self._cutter.cut(self._cutter.within + text) is not None:
                    break
            except CutError as found:
                error = str(found)
                break
            line += 1
            size += len(text)
        self._through = (begin, line - 1)
        return line, error

    def _checked(self, fields: Fields) -> Iterator[Fields | BadRow]:
        """Yield the row that came last if it is one."""
        if undecoded := self._undecoded(self._lines(self.line, self._at)):
            yield BadRow(line=self.line, error=undecoded, text=self.text)
        elif self.width is None or len(fields) == self.width:
            if fields:
                yield fields
        elif self.width == 1 and not fields:
            yield [""]  # so csv writers write the null of the only column
        elif fields and self.text.strip(" \x1a"):  # CP/M and DOS ended texts with U+001A
            error = f"expected {self.width} fields as in {self._like}, found {len(fields)}{self._where()}"
            yield BadRow(line=self.line, error=error, text=self.text)

    def _closed_badly(self, number: int, error: str) -> BadRow:
        """Go on behind the row that begins in line `number`, which cannot be read."""
        self._at = self._next_beginning(number)
        return BadRow(line=number, error=error + self._where(), text=self.text)

    def _where(self) -> str:
        """Say which lines the row that came last has, if they are several."""
        last = self._at - 1
        return f" (lines {self.line} to {last})" if last > self.line else ""

    def _next_beginning(self, number: int) -> int:
        """Return the number of the line where the row behind a badly closed one begins.

        That is the line behind its first, if only a quote of it is astray: the next line whose quotes have all their
        sense shows it. But if it is the rest of a text, its parts must not pass for rows.
        """
        doubtful, opened = 0, False
        size = len(self._line(number))
        if self._cutter.within not in self._line(number):
            return number + 1
        for other in range(number + 1, number + MAX_LINES):
            if doubtful == _MAX_DOUBTFUL or size > MAX_SIZE or not self._has(other):
                break
            line = self._line(other)
            size += len(line)
            if self._cutter.within not in line:
                continue
            if self._cutter.begins_cleanly(line):
                break
            if self._cutter.ends_cleanly(line):
                if opened or self._are_rows(number, other + 1):
                    break
                return other + 1
            opened = opened or self._opens(line)
            doubtful += 1
        return number + 1

    def _opens(self, line: str) -> bool:
        try:
            return self._cutter.cut(line) is None
        except CutError:
            return False

    def _not_closed(self, number: int) -> BadRow:
        """Go on behind the line `number`, whose row has no end within the limits."""
        sizes = list(accumulate(map(len, self._lines(number, number + MAX_LINES))))
        looked = number + max(bisect_right(sizes, MAX_SIZE), 1) - 1
        is_cut = not self._has(looked + 1)
        self._at = number + 1
        where = "before the end of the file" if is_cut and self._overlong is None else "within the limits"
        error = (
            f"{self._cutter.opening} is not closed {where}, looked as far as line {looked} "
            f"(at most {MAX_LINES:,} lines and {MAX_SIZE >> 20} MiB)"
        )
        return BadRow(line=number, error=error, text=self.text, is_open=True, is_cut=is_cut)

    def _take(self, overlong: Overlong) -> Iterator[BadRow]:
        self._overlong = None
        self.line = self._at
        self._at += 1
        self._window.clear()
        self._base = self._at
        if self.line >= self._first:
            encoding = "utf-8" if self._encoding.startswith("utf-16") else self._encoding  # as `read_text` has it
            yield BadRow(line=self.line, error=overlong.error, text=overlong.head.decode(encoding, "replace"))

    def _undecoded(self, lines: list[str]) -> str | None:
        """Return what is wrong with lines of which some bytes are no characters."""
        found = next((UNDECODED.search(line) for line in lines if not line.isascii() and UNDECODED.search(line)), None)
        if found is None:
            return None
        byte = ord(found[0]) - 0xDC00
        shown = f"byte 0x{byte:02x}" if 0x80 <= byte <= 0xFF else "half a character"
        return (
            f"expected {self._encoding}, found {shown}; if the file is in another encoding, say so: --encoding cp1252"
        )

    def _is_doubtful(self, begin: int, end: int, fields: Fields) -> bool:
        """Whether a row of several lines, from number `begin` to before `end`, may be none."""
        return (
            end - begin > MAX_LINES
            or sum(map(len, self._lines(begin, end))) > MAX_SIZE
            or self.width not in (None, len(fields))
            or self._are_rows(begin, end)
        )

    def _are_rows(self, begin: int, end: int) -> bool:
        """Whether lines, from number `begin` to before `end`, all look like rows: a quote astray made them one."""
        return self.width is not None and self._likeness.are_rows(self._lines(begin, end), self.width)

    def _hold_rows(self, begin: int, end: int) -> bool:
        """Whether one of the lines behind number `begin`, to before `end`, looks like a row as that one does."""
        return self.width is not None and self._likeness.hold_rows(self._lines(begin, end), self.width)

    def _has(self, number: int) -> bool:
        """Whether there is a line `number`, which is read if need be."""
        while number >= self._base + len(self._window):
            if self._overlong is not None:
                return False
            batch = next(self._batches, None)
            if batch is None:
                return False
            if isinstance(batch, Overlong):
                self._overlong = batch
            else:
                self._window += batch
        return True

    def _line(self, number: int) -> str:
        return self._window[number - self._base]

    def _lines(self, begin: int, end: int) -> list[str]:
        return self._window[begin - self._base : end - self._base]

    def _drop(self, at_least: int = 0) -> None:
        """Forget the lines before the next row, unless they are few."""
        if self._at - self._base > at_least:
            del self._window[: self._at - self._base]
            self._base = self._at
