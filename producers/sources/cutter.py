r"""Lines of a table cut into fields, as its dialect has it: a whole row, or one that goes on in the next line."""

import csv
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.lines import LINE_LIMIT

if TYPE_CHECKING:
    from _csv import Reader

#: The fields of a row. None stands for a null that the dialect has a sign for, `\N`.
Fields = Sequence[str | None]


_BARE_RETURN: Final = "expected carriage returns to stand within quotes, found one without"


class CutError(Exception):
    """A line that cannot be cut: what was expected, and what came."""


class Cutter(Protocol):
    """Cuts the text of a row into fields."""

    #: Put before a line that stands within a row, it is cut as such.
    within: str
    #: What makes a row go on in the next line, as an error says it.
    opening: str

    def cut(self, text: str) -> Fields | None:
        """Return the fields of a row, none of an empty line; None if the row goes on behind `text`.

        Raises CutError where no row is written so.
        """

    def begins_cleanly(self, line: str) -> bool:
        """Whether a line is a row of its own in which every quote has its sense."""

    def ends_cleanly(self, line: str) -> bool:
        """Whether a line is the rest of a row that began before it."""


def cutter(dialect: Dialect) -> Cutter:
    """Return what cuts rows of a dialect."""
    if dialect.quote is None:
        return _EscapeCutter(dialect.delimiter, dialect.escape) if dialect.escape else _PlainCutter(dialect.delimiter)
    if dialect.escape:
        return _QuoteEscapeCutter(dialect.delimiter, dialect.quote, dialect.escape, dialect.escapes_unquoted)
    return CsvCutter(dialect.delimiter, dialect.quote)


class _Quoting:
    """Checks that a line's quotes are well formed, for dialects that quote."""

    opening = "the quote that opens here"

    def __init__(self, delimiter: str, quote: str, body: str) -> None:
        d, q = re.escape(delimiter), re.escape(quote)
        rest = rf"(?:{d}(?:{q}{body}{q}|[^{d}{q}\r\n]*+))*+[\r\n]*+"
        self.within = quote
        self._clean_begin = re.compile(rf"(?:{q}{body}{q}|[^{d}{q}\r\n]*+){rest}", re.DOTALL)
        self._clean_end = re.compile(rf"{body}{q}{rest}", re.DOTALL)

    def begins_cleanly(self, line: str) -> bool:
        return self._clean_begin.fullmatch(line) is not None

    def ends_cleanly(self, line: str) -> bool:
        return self._clean_end.fullmatch(line) is not None


class CsvCutter(_Quoting):
    """Quoted fields with doubled quotes: Python's csv, in its strict way."""

    def __init__(self, delimiter: str, quote: str) -> None:
        q = re.escape(quote)
        super().__init__(delimiter, quote, rf"[^{q}]*+(?:{q}{q}[^{q}]*+)*+")
        self._delimiter = delimiter
        self._quote = quote
        # This limit belongs to the whole process. Nothing else here reads CSV, and every reader here sets the same.
        csv.field_size_limit(LINE_LIMIT)

    def rows(self, lines: list[str]) -> "Reader":
        """Return csv's reader of many lines: the fast way, as long as nothing is wrong."""
        return csv.reader(lines, delimiter=self._delimiter, quotechar=self._quote, strict=True)

    def cut(self, text: str) -> Fields | None:
        reader = self.rows([text, ""])
        try:
            return next(reader)
        except csv.Error as error:
            if reader.line_num == 2:
                return None  # it asked for more
            if "expected after" in str(error):
                raise CutError(f"expected {self._delimiter!r} or the end of the row behind a closing quote") from error
            if "new-line" in str(error):
                raise CutError(_BARE_RETURN) from error
            raise CutError(str(error)) from error


class _QuoteEscapeCutter(_Quoting):
    """Quoted fields in which an escape stands before quotes."""

    def __init__(self, delimiter: str, quote: str, escape: str, everywhere: bool) -> None:
        d, q, e = re.escape(delimiter), re.escape(quote), re.escape(escape)
        pair = rf"(?:{e}.|{q}{q})" if everywhere else rf"{e}."
        body = rf"[^{q}{e}]*+(?:{pair}[^{q}{e}]*+)*+"
        super().__init__(delimiter, quote, body)
        self._delimiter = delimiter
        self._quote = quote
        self._quoted = re.compile(rf"{q}({body}){q}", re.DOTALL)
        self._unquoted = re.compile(rf"[^{d}{e}]*+(?:{e}.[^{d}{e}]*+)*+" if everywhere else rf"[^{d}]*+", re.DOTALL)
        self._stray = escape + quote
        self._unescape: Callable[[str], str | None]
        if everywhere:
            self._in_quotes = _c_unescaper(escape, quote)
            self._unescape = _c_unescaper(escape)
        else:
            escaped = re.compile(rf"{e}([{q}{e}])")
            self._in_quotes = lambda text: escaped.sub(r"\1", text) if escape in text else text
            self._unescape = self._literal

    def cut(self, text: str) -> Fields | None:
        line = _without_end(text)
        if not line:
            return []
        fields: list[str | None] = []
        at = 0
        while True:
            if text.startswith(self._quote, at):
                quoted = self._quoted.match(text, at)
                if quoted is None:
                    return None
                fields.append(self._in_quotes(quoted[1]))
                at = quoted.end()
            else:
                unquoted = self._unquoted.match(line, at)
                field = unquoted[0] if unquoted else ""
                if "\r" in field:
                    raise CutError(_BARE_RETURN)
                fields.append(self._unescape(field))
                at += len(field)
            if at >= len(line):
                return fields
            if not line.startswith(self._delimiter, at):
                raise CutError(f"expected {self._delimiter!r} or the end of the row, found {line[at : at + 10]!r}")
            at += 1

    def _literal(self, text: str) -> str:
        if self._stray in text:
            raise CutError(f"expected {self._stray!r} to stand within quotes, found it without")
        return text


class _EscapeCutter:
    r"""Nothing is quoted; an escape stands before a delimiter, a line's end and itself, and in `\n`, `\t` and `\N`."""

    within = ""
    opening = "the line's end that is escaped here"

    def __init__(self, delimiter: str, escape: str) -> None:
        d, e = re.escape(delimiter), re.escape(escape)
        self._delimiter = delimiter
        self._escape = escape
        self._field = re.compile(rf"[^{d}{e}]*+(?:{e}.[^{d}{e}]*+)*+", re.DOTALL)
        self._escapes_end = re.compile(rf"(?<!{e})(?:{e}{e})*+{e}\Z")
        self._unescape = _c_unescaper(escape)

    def cut(self, text: str) -> Fields | None:
        line = _without_end(text)
        if self._escape not in line:
            return line.split(self._delimiter) if line else []
        if line == self._escape + ".":
            return []  # what ends the data of COPY in a script
        if self._escapes_end.search(line):
            return None
        fields: list[str | None] = []
        at = 0
        while True:
            found = self._field.match(line, at)
            field = found[0] if found else ""
            fields.append(self._unescape(field))
            at += len(field) + 1
            if at > len(line):
                return fields

    def begins_cleanly(self, line: str) -> bool:  # noqa: ARG002 - of one shape with the others
        return True

    def ends_cleanly(self, line: str) -> bool:  # noqa: ARG002
        return False


class _PlainCutter:
    """Nothing is quoted, nothing is escaped."""

    within = ""
    opening = ""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def cut(self, text: str) -> Fields | None:
        line = _without_end(text)
        return line.split(self._delimiter) if line else []

    def begins_cleanly(self, line: str) -> bool:  # noqa: ARG002 - of one shape with the others
        return True

    def ends_cleanly(self, line: str) -> bool:  # noqa: ARG002
        return False


def _without_end(text: str) -> str:
    # Programs that end lines twice over write several carriage returns.
    return text[:-1].rstrip("\r") if text.endswith("\n") else text.removesuffix("\r")


_LETTERS: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}


def _c_unescaper(escape: str, doubled: str = "") -> Callable[[str], str | None]:
    r"""Return what undoes escapes as PostgreSQL and MySQL write them; `\N` alone is null."""
    e = re.escape(escape)
    pair = re.compile(rf"{e}(.)" + (f"|{re.escape(doubled)}({re.escape(doubled)})" if doubled else ""), re.DOTALL)
    null = escape + "N"

    def undone(found: re.Match[str]) -> str:
        letter = found[1]
        return doubled if letter is None else _LETTERS.get(letter, letter)

    def unescape(text: str) -> str | None:
        if escape not in text and (not doubled or doubled not in text):
            return text
        return None if text == null and not doubled else pair.sub(undone, text)

    return unescape
