"""Lines of CSV or TSV made into rows; a row that cannot be read is a value and does not end the reading."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from producers.sources.lines import LINE_LIMIT, Overlong


@dataclass(frozen=True, slots=True)
class Row:
    """One row, and the text it was read from. It has an error or fields, never both."""

    fields: list[str]
    payload: str
    error: str | None = None


class _Feed:
    """The lines as csv.reader wants them, with their ends. Keeps those of the row that is being read.

    A class, not a generator: it must live on after it has raised csv.Error.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes | Overlong]]) -> None:
        self._lines = lines
        self.row: list[str] = []
        self.ended = False

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        _, line = next(self._lines, (0, None))
        if line is None:
            self.ended = True
            raise StopIteration
        if isinstance(line, Overlong):
            self.row.append(line.head.decode("utf-8", "replace"))
            raise csv.Error(line.error)
        self.row.append(line.decode("utf-8", "replace") + "\n")
        return self.row[-1]


def read_rows(lines: Iterator[tuple[int, bytes | Overlong]], delimiter: str) -> Iterator[Row]:
    """Yield the rows that have fields, in order. A quoted field may hold newlines."""
    # This limit belongs to the whole process. Nothing else here reads CSV, and every reader here sets the same.
    csv.field_size_limit(LINE_LIMIT)
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.row.clear()
        try:
            fields = next(reader, None)
        except csv.Error as error:
            yield Row([], "".join(feed.row), str(error))
            continue
        if fields is None:
            return
        payload = "".join(feed.row).removesuffix("\n")
        if feed.ended:
            # Every line has its end, so only a row that was still open makes the reader ask for more.
            yield Row([], payload, "expected the closing quote of a field, found the end of the file")
        elif fields:
            yield Row(fields, payload)
