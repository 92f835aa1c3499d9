"""Tables as text: CSV and TSV with a header, compressed or not."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from db.errors import SourceError
from producers.record import PAYLOAD_LIMIT, Record
from producers.sources.bad import bad
from producers.sources.columns import DEFAULT_COLUMNS, Columns, locate, to_parsed
from producers.sources.compression import ByteStream
from producers.sources.lines import read_lines
from producers.sources.rows import Row, read_rows


class TextTable:
    """A file of rows that csv (or pandas) wrote; a record's position is its row's number below the header.

    TSV is quoted like CSV, as pandas and spreadsheets write it.
    """

    def __init__(self, path: Path, columns: Columns = DEFAULT_COLUMNS, *, delimiter: str = ",") -> None:
        self.path = path
        self.name = path.name
        self._columns = columns
        self._delimiter = delimiter
        self._stream = ByteStream(path)

    def check(self) -> None:
        """Raise SourceError if the file is empty or its header names no text column."""
        self._header(self._rows(ByteStream(self.path)))

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from row `start` on; see Source."""
        self._stream = ByteStream(self.path)
        rows = self._rows(self._stream)
        header = self._header(rows)
        # Only csv knows which newlines stand inside fields, so the rows before `start` are read too.
        for position, row in enumerate(islice(rows, start, None), start):
            yield self._record(header, row, position)

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
        return self._record(self._header(self._rows(ByteStream(self.path))), rows[0], position)

    def _rows(self, stream: ByteStream) -> Iterator[Row]:
        return read_rows(read_lines(stream), self._delimiter)

    def _header(self, rows: Iterator[Row]) -> tuple[dict[str, int], int]:
        """Return where the columns are, and how many fields a row has."""
        row = next(rows, None)
        if row is None:
            raise SourceError(f"{self.path} is empty: expected a table whose first row names its columns")
        if row.error is not None:
            raise SourceError(f"{self.path} has no header: expected a row that names the columns, found {row.error}")
        return locate(self._columns, row.fields, self.path), len(row.fields)

    def _record(self, header: tuple[dict[str, int], int], row: Row, position: int) -> Record:
        indices, width = header
        if row.error is not None:
            return bad(position, row.error, row.payload)
        if len(row.fields) != width:
            error = f"expected {width} fields as in the header, found {len(row.fields)}"
            return bad(position, error, row.payload)
        try:
            return to_parsed({field: row.fields[index] for field, index in indices.items()}, position, self.name)
        except ValueError as error:
            return bad(position, str(error), row.payload)
