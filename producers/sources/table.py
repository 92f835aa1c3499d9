"""Tables as text: CSV and TSV with a header, compressed or not."""

from collections.abc import Iterator
from itertools import islice

from db.errors import SourceError
from producers.record import PAYLOAD_LIMIT, Record
from producers.sources.bad import bad
from producers.sources.columns import find_fields, to_parsed
from producers.sources.compression import ByteStream
from producers.sources.layout import AS_FOUND, Layout, ReadOptions
from producers.sources.lines import read_lines
from producers.sources.place import Place
from producers.sources.rows import Row, read_rows


class TextTable:
    """A file of rows that csv (or pandas) wrote; a record's position is its row's number below the header.

    TSV is quoted like CSV, as pandas and spreadsheets write it.
    """

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._options = options
        self._layout = layout
        is_tsv = options.kind == "tsv" or ".tsv" in place.named.suffixes
        self._delimiter = (layout and layout.delimiter) or options.delimiter or ("\t" if is_tsv else ",")
        self._stream = ByteStream(place)

    def inspect(self) -> Layout:
        """Return how it is read. Raises SourceError if the file is empty or its header names no text column."""
        if self._layout is None:
            rows = self._rows(ByteStream(self.place))
            names = self._header(rows)
            fields = find_fields(self._options, names, (row.fields for row in rows), self.place)
            self._layout = Layout(
                kind="csv", fields=fields, delimiter=self._delimiter, quote='"', header_row=1, width=len(names)
            )
        return self._layout

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from row `start` on; see Source."""
        layout = self.inspect()
        self._stream = ByteStream(self.place)
        rows = self._rows(self._stream)
        self._header(rows)
        # Only csv knows which newlines stand inside fields, so the rows before `start` are read too.
        for position, row in enumerate(islice(rows, start, None), start):
            yield self._record(layout, row, position)

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._stream.share_read

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more, under the file's header."""
        if len(payload) >= PAYLOAD_LIMIT:
            # Without its end it could pass for a shorter comment.
            return bad(position, f"expected a whole row, found one cut at {PAYLOAD_LIMIT} characters", payload)
        rows = list(read_rows(read_lines([payload.encode("utf-8", "replace")]), self._delimiter))
        if len(rows) != 1:
            return bad(position, f"expected one row, found {len(rows)}", payload)
        return self._record(self.inspect(), rows[0], position)

    def _rows(self, stream: ByteStream) -> Iterator[Row]:
        return read_rows(read_lines(stream), self._delimiter)

    def _header(self, rows: Iterator[Row]) -> list[str]:
        """Return the names of the columns."""
        row = next(rows, None)
        if row is None:
            raise SourceError(f"{self.place} is empty: expected a table whose first row names its columns")
        if row.error is not None:
            raise SourceError(f"{self.place} has no header: expected a row that names the columns, found {row.error}")
        return row.fields

    def _record(self, layout: Layout, row: Row, position: int) -> Record:
        if row.error is not None:
            return bad(position, row.error, row.payload)
        if len(row.fields) != layout.width:
            error = f"expected {layout.width} fields as in the header, found {len(row.fields)}"
            return bad(position, error, row.payload)
        fields = layout.fields
        values = {**fields.constants, **{field: row.fields[index] for field, index in fields.columns.items()}}
        try:
            return to_parsed(values, position, self.name, fields, self._options)
        except ValueError as error:
            return bad(position, str(error), row.payload)
