r"""Finding the dialect of a table, by reading its beginning in each that is likely.

This is written here because no library finds what matters: DuckDB's sniffer and clevercsv choose quoting where quotes
are not in pairs, or one column where the rows are uneven, and none finds names below the first line. The idea is
theirs, and that of Python's newer csv.Sniffer: few candidates, each tried with the very reader that reads the rows
afterwards, and the one in which most rows have the same number of fields. Besides, this knows the names that columns
have.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from moodmill.producers.sources.attempt import Attempt
from moodmill.producers.sources.cutter import Fields
from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.header import find_header, named_fields
from moodmill.producers.sources.layout import ReadOptions
from moodmill.producers.sources.quoting import RARE, Forms, choose
from moodmill.producers.sources.rows import BadRow, Rows

#: Found by themselves, the likeliest first. U+0001 is Hive's.
_DELIMITERS: Final = (",", "\t", ";", "|", "\x01")
#: Lines by which the delimiter is found.
_LINES: Final = 300
#: Rows that have one field more than the header, each of them, and are no accident.
_SHIFTED: Final = 3
#: Excel's way to say the delimiter, in a line above the table.
_SAID: Final = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """The beginning of a table as text, in lines with their ends, of which the last is not cut."""

    lines: Sequence[str]
    is_whole: bool


def line_end(text: str, quote: str | None) -> str:
    r"""Return what ends the lines of a text: "\r" only if outside of quotes it comes first, and more often than "\n".

    It must do so whether a backslash escapes quotes or not.
    """
    if "\r" not in text:
        return "\n"
    q = re.escape(quote or '"')
    for body in (rf"[^{q}]|{q}{q}", rf"[^{q}\\]|\\.|{q}{q}"):
        found = re.findall(rf"{q}(?:{body})*+{q}|\r*\n|\r", text, re.DOTALL)
        ends = Counter(one[-1] for one in found)
        first = next((one for one in found if one[-1] in "\r\n"), "\n")
        if first != "\r" or ends["\r"] <= ends["\n"]:
            return "\n"
    return "\r"


def find_dialect(sample: Sample, options: ReadOptions, prefers_tab: bool, end: str) -> Attempt:
    """Return the likeliest dialect of a table, with how its beginning reads."""
    skipped = max((options.header_row or 1) - 1, 0)
    delimiters = [options.delimiter] if options.delimiter else _likely(sample, prefers_tab)
    if options.header_row is None and sample.lines and (said := _SAID.fullmatch(sample.lines[0])):
        skipped = 1
        delimiters = [options.delimiter or said[1]]
    few = Sample(lines=sample.lines[: skipped + _LINES], is_whole=sample.is_whole and len(sample.lines) <= _LINES)
    text_column = int(options.columns.text or 0) if (options.columns.text or "").isdigit() else 0
    attempts = [
        _attempt(dialect, few, skipped, options)
        for delimiter in delimiters
        for dialect in Forms.of(delimiter, options, end).likely(few.lines)
    ]
    best = max(attempts, key=lambda attempt: attempt.worth(text_column))  # the first of equals
    forms = Forms.of(best.dialect.delimiter, options, end)
    return choose(forms, sample.lines[skipped:], lambda dialect: _attempt(dialect, sample, skipped, options))


def _likely(sample: Sample, prefers_tab: bool) -> list[str]:
    first = "\t" if prefers_tab else ","
    text = "".join(sample.lines[:_LINES])
    # The comma and the tab are tried in any case: one of them is in no line of most tables of one column.
    return [first, *(one for one in _DELIMITERS if one != first and (one in text or one in ",\t"))]


def _attempt(dialect: Dialect, sample: Sample, skipped: int, options: ReadOptions) -> Attempt:
    rows: list[Fields] = []
    numbers: list[int] = []
    bad: list[BadRow] = []
    reading = Rows([list(sample.lines)], dialect, first=skipped + 1)
    for row in reading:
        if not isinstance(row, BadRow):
            rows.append(row)
            numbers.append(reading.line)
        elif sample.is_whole or not row.is_cut:
            bad.append(row)
    header = _header(rows, options)
    below = rows if header is None else rows[header + 1 :]
    widths = Counter(map(len, below)).most_common(1)
    names: Fields = () if header is None else _names(rows[header], below, dialect.delimiter)
    return Attempt(
        dialect=dialect,
        rows=rows,
        numbers=numbers,
        bad=bad,
        header=header,
        names=names,
        width=len(names) if names else (widths[0][0] if widths else 0),
        named=frozenset() if header is None else frozenset(named_fields(names, options.columns)),
    )


def _header(rows: Sequence[Fields], options: ReadOptions) -> int | None:
    if options.header_row is None:
        return find_header(rows, options.columns)
    return 0 if options.header_row and rows else None


def _names(header: Fields, below: Sequence[Fields], delimiter: str) -> Fields:
    """Return a name for each column, if rows have a delimiter at their end, or names of their own, as R writes them.

    With commas these would be rows of which each has a comma too many.
    """
    if len(below) < _SHIFTED or any(len(row) != len(header) + 1 for row in below):
        return header
    if not any(row[-1] for row in below):
        return [*header, ""]
    return ["", *header] if delimiter in RARE else header
