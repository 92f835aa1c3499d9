"""Tables as text: CSV, TSV and their like, in any dialect and encoding, compressed or not."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from moodmill.db.analytics.export_mark import is_export
from moodmill.db.core.errors import NoSourceError, SourceError
from moodmill.db.core.payload import is_cut
from moodmill.db.core.text import clean
from moodmill.producers.sources.attempt import Attempt
from moodmill.producers.sources.bad import bad
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.columns import SAMPLE_ROWS, find_fields
from moodmill.producers.sources.cutter import Fields
from moodmill.producers.sources.dialect import Dialect, normalised
from moodmill.producers.sources.encoding import find_encoding, lines_of, read_text
from moodmill.producers.sources.header import likeliest_text
from moodmill.producers.sources.layout import AS_FOUND, Layout, ReadOptions
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Bad, Parsed, Record
from moodmill.producers.sources.rows import BadRow, Rows
from moodmill.producers.sources.sniffer import Sample, find_dialect, line_end
from moodmill.producers.sources.table_row import to_parsed

#: Bytes and lines of the beginning by which the dialect is found.
_SAMPLE: Final = 1 << 20
_SAMPLE_LINES: Final = SAMPLE_ROWS
#: Columns that an error shows, and characters of each.
_SHOWN_COLUMNS: Final = 20
_SHOWN: Final = 30
#: Rows of which not one has as many fields as the header: then reading them would bring nothing but dead letters.
_NONE_FITS: Final = 10
#: Rows by which the column of the texts is found.
_COMPARED: Final = 100


class TextTable:
    """A file of rows; a record's position is its row's number below the header.

    How they are written is found by the beginning of the file, as far as the options leave it open; a file name that
    ends in .tsv, or that kind, decides only where nothing else does.
    """

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._origin = place.origin
        self._options = normalised(options)
        self._layout = layout
        self._stream = ByteStream(place)
        #: Reads records again for `parse`, and which one comes next.
        self._again: Iterator[tuple[Fields | BadRow, Rows]] | None = None
        self._again_at = 0

    def inspect(self) -> Layout:
        """Return how it is read.

        Raises SourceError if the file is empty, no table, in another encoding than is known, or nothing names its text
        column; NoSourceError if it is an export of this project's.
        """
        if self._layout is None:
            self._layout = self._find()
        return self._layout

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from row `start` on; see Source."""
        layout = self.inspect()
        self._stream = ByteStream(self.place)
        rows = self._rows(layout, self._stream)
        # Only the reader knows which line ends stand inside fields, so the rows before `start` are read too.
        for position, row in enumerate(islice(_below_header(rows, layout), start, None), start):
            yield self._record(layout, rows, row, position)

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._stream.share_read

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more, which a person may have mended.

        One that was too long to keep, or holds what did not decode, is read from the source again, and so is one that
        is still bad, for the number of its line, and for the rest of a row that has more lines than were looked at.
        That is one pass for any number of them, if they come by position.
        """
        layout = self.inspect()
        typed: Record | None = None
        # A text that was cut could pass for a shorter one, and U+FFFD for what somebody wrote.
        if not is_cut(payload) and "\ufffd" not in payload:
            typed = self._parse_typed(layout, payload, position)
            if isinstance(typed, Parsed):
                return typed
        try:
            row, rows = self._read_again(layout, position)
        except (SourceError, StopIteration):
            pass  # the file went away, or is another one now: what is typed is all there is
        else:
            text = row.text if isinstance(row, BadRow) else rows.text
            if bad(position, "", text).payload == payload:
                if isinstance(row, BadRow) and row.is_open:
                    row = rows.read_on() or row
                return self._record(layout, rows, row, position)
        if is_cut(payload):
            return Bad(position=position, error="the source no longer has this row, which is cut here", payload=payload)
        return typed or self._parse_typed(layout, payload, position)

    def _parse_typed(self, layout: Layout, payload: str, position: int) -> Record:
        rows = Rows([lines_of(payload, layout.line_end)], Dialect.of(layout), width=layout.width)
        several = [(row, self._record(layout, rows, row, position)) for row in rows]
        if len(several) != 1:
            return bad(position, f"expected one row, found {len(several)}", payload)
        ((row, record),) = several
        return bad(position, row.error, payload) if isinstance(row, BadRow) else record

    def _read_again(self, layout: Layout, position: int) -> tuple[Fields | BadRow, Rows]:
        if self._again is None or position < self._again_at:
            rows = self._rows(layout, ByteStream(self.place))
            self._again = ((row, rows) for row in _below_header(rows, layout))
            self._again_at = 0
        again = self._again
        skipped, self._again_at = position - self._again_at, position + 1
        return next(islice(again, skipped, None))

    def _rows(self, layout: Layout, stream: ByteStream) -> Rows:
        encoding = layout.encoding or "utf-8"
        return Rows(
            read_text(stream, encoding, layout.line_end),
            Dialect.of(layout),
            encoding=encoding,
            first=layout.header_row or 1,
            width=layout.width,
            like="the header" if layout.header_row else "the first rows",
        )

    def _record(self, layout: Layout, rows: Rows, row: Fields | BadRow, position: int) -> Record:
        if isinstance(row, BadRow):
            return bad(position, f"line {row.line}: {row.error}", row.text)
        fields = layout.fields
        values: dict[str, object] = {**fields.constants}
        for field, index in fields.columns.items():
            values[field] = row[index]
        if values.get("text") == fields.called.get("text") and _is_header(values, layout):
            return bad(position, f"line {rows.line}: expected a row, found the header once more", rows.text)
        try:
            return to_parsed(values, position, self._origin, fields, self._options)
        except ValueError as error:
            return bad(position, f"line {rows.line}: {error}", rows.text)

    def _find(self) -> Layout:
        head, is_whole = self._head()
        begun = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if (begun[:1], begun[1:64].lstrip()[:1]) in ((b"{", b'"'), (b"[", b"{")):
            raise SourceError(f"{self.place} is JSON and no table as text: --format json reads it")
        encoding = find_encoding(head, is_whole, self._options.encoding, self.place)
        end, sample = _sample(head, is_whole, encoding, self._options)
        prefers_tab = self._options.kind == "tsv" or ".tsv" in (one.lower() for one in self.place.named.suffixes)
        found = find_dialect(sample, self._options, prefers_tab, end)
        names = self._names(found)
        layout = Layout(
            kind="csv",
            encoding=encoding,
            delimiter=found.dialect.delimiter,
            quote=found.dialect.quote,
            escape=found.dialect.escape,
            escapes_unquoted=found.dialect.escapes_unquoted,
            line_end=end,
            header_row=found.header_row,
            width=len(names),
        )
        fields = find_fields(self._options, names, self._first_rows(layout), self.place)
        return msgspec.structs.replace(layout, fields=fields)

    def _head(self) -> tuple[bytes, bool]:
        """Return the beginning of the file, and whether it is the whole."""
        head = b""
        try:
            for block in ByteStream(self.place):
                head += block
                if len(head) > _SAMPLE:
                    return head[:_SAMPLE], False
        except SourceError:
            if not head:
                raise
            return head, False  # a truncated file: the reading says so where it comes to the end
        if not head:
            raise SourceError(f"{self.place} is empty: expected a table whose first row names its columns")
        return head, True

    def _first_rows(self, layout: Layout) -> Iterator[Fields]:
        """Yield the first rows that are good."""
        rows = self._rows(layout, ByteStream(self.place))
        try:
            yield from (row for row in _below_header(rows, layout) if not isinstance(row, BadRow))
        except SourceError:
            return  # a truncated file: the reading says so where it comes to the end

    def _names(self, found: Attempt) -> Sequence[str]:
        """Return the names of the columns, their numbers where the options say that none has any."""
        if not found.rows and found.bad:
            error = f"line {found.bad[0].line}: {found.bad[0].error}"
            raise SourceError(f"{self.place} has no header: expected a row that names the columns, found {error}")
        if not found.rows:
            raise SourceError(f"{self.place} is empty: expected a table whose first row names its columns")
        names = [name or "" for name in found.names]
        if is_export(names):
            raise NoSourceError(f"{self.place} is an export of labels that moodmill wrote: give the texts themselves")
        if len(found.below) >= _NONE_FITS and not found.bad and not any(len(row) == found.width for row in found.below):
            raise SourceError(
                f"{self.place} is no table that can be read: its header has {found.width} fields, cut at "
                f"{found.dialect.delimiter!r}, and the rows below it {len(found.below[0])}; name the --delimiter"
            )
        is_said = self._options.header_row == 0
        if names or (is_said and self._options.columns.text is not None):
            return names or [str(number + 1) for number in range(found.width)]
        raise SourceError(self._nameless(found, is_said))

    def _nameless(self, found: Attempt, is_said: bool) -> str:
        """Say that no column has a name, and how to name them by numbers."""
        first = next((row for row in found.below if len(row) == found.width), found.rows[0])
        shown = ", ".join(
            f"{number}: {clean((name or '')[:_SHOWN])!r}" for number, name in enumerate(first[:_SHOWN_COLUMNS], 1)
        )
        likely = likeliest_text(found.below[:_COMPARED], found.width) + 1
        row = f"first row, cut at {found.dialect.delimiter!r}, has {shown}"
        if is_said:
            return f"{self.place} has no text column: its {row}; say which it is, as in --text-column {likely}"
        return (
            f"{self.place} has no header: its {row}; if that is data, add --header-row 0 --text-column {likely}, "
            "and if a line names the columns, its number, as in --header-row 1"
        )


def _is_header(values: Mapping[str, object], layout: Layout) -> bool:
    """Whether a row holds the names of its columns, as where files with headers were put together."""
    called = layout.fields.called
    return layout.header_row is not None and len(called) > 1 and all(values[name] == called[name] for name in called)


def _below_header(rows: Rows, layout: Layout) -> Iterator[Fields | BadRow]:
    several = iter(rows)
    if layout.header_row is not None:
        next(several, None)
    return several


def _sample(head: bytes, is_whole: bool, encoding: str, options: ReadOptions) -> tuple[str, Sample]:
    """Return what ends the lines of a table, and those that `head` holds."""
    text = "".join(line for lines in read_text([head], encoding) if isinstance(lines, list) for line in lines)
    end = line_end(text, options.quote)
    lines = lines_of(text, end)
    if not is_whole and len(lines) > 1:
        lines.pop()
    return end, Sample(lines=lines[:_SAMPLE_LINES], is_whole=is_whole and len(lines) <= _SAMPLE_LINES)
