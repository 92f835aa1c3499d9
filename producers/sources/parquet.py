"""Tables as Parquet, read by batches of rows. Only this file needs pyarrow, whose import takes a while."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from db.errors import SourceError
from producers.record import Record
from producers.sources.bad import bad
from producers.sources.columns import find_fields, to_parsed
from producers.sources.layout import AS_FOUND, Fields, Layout, ReadOptions
from producers.sources.place import Place
from producers.sources.seekable import opened

#: Rows decoded at once.
_BATCH = 4096
#: Ticks a second of Arrow's timestamps.
_TICKS = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class ParquetFile:
    """A Parquet file; a record's position is its row's number."""

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._options = options
        self._layout = layout
        self._share_read = 0.0

    def inspect(self) -> Layout:
        """Return how it is read. Raises SourceError if this is no Parquet file or it has no text column."""
        if self._layout is None:
            with self._open() as file:
                self._layout = Layout(kind="parquet", fields=self._fields(file))
        return self._layout

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from row `start` on; see Source. Row groups that end before it are not read."""
        self._share_read = 0.0
        with self._open() as file:
            fields = self.inspect().fields.called
            groups, position = _groups_from(file.metadata, start)
            for batch in file.iter_batches(_BATCH, row_groups=groups, columns=list(fields.values())):
                names = {field: batch.schema.get_field_index(column) for field, column in fields.items()}
                columns = [_values(batch.column(index)) for index in names.values()]
                for row in zip(*columns, strict=True):
                    if position >= start:
                        yield self._record(dict(zip(names, row, strict=True)), position)
                    position += 1
                self._share_read = position / file.metadata.num_rows
        self._share_read = 1.0

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._share_read

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more: the row's fields as a JSON object."""
        try:
            values = json.loads(payload)
        except (ValueError, RecursionError) as error:
            return bad(position, f"expected a row as a JSON object, found broken JSON: {error}", payload)
        if not isinstance(values, dict):
            return bad(position, f"expected a row as a JSON object, found {type(values).__name__}", payload)
        return self._record(values, position)

    @contextmanager
    def _open(self) -> Iterator[Any]:
        try:
            # Without pre_buffer, which would hold whole row groups in memory.
            with opened(self.place) as data, pq.ParquetFile(data, pre_buffer=False) as file:
                yield file
        except (pa.ArrowException, OSError) as error:
            reason = " ".join(str(error).split())
            if isinstance(error, OSError) and error.errno:  # the system's word, not pyarrow's
                raise SourceError(f"{self.place} cannot be read: {reason}") from error
            raise SourceError(f"{self.place} is damaged or no Parquet file: {reason}; fetch it again") from error

    def _fields(self, file: Any) -> Fields:
        """Return the column of each field that the file has."""
        schema = file.schema_arrow
        fields = find_fields(self._options, schema.names, (), self.place)
        kind = schema.field(fields.columns["text"]).type
        if pa.types.is_nested(kind):
            raise SourceError(
                f"{self.place}: expected texts in column {fields.called['text']!r}, found {kind}; "
                "name the right one by --text-column"
            )
        return fields

    def _record(self, values: dict[str, object], position: int) -> Record:
        try:
            return to_parsed(values, position, self.name, self.inspect().fields, self._options)
        except ValueError as error:
            return bad(position, str(error), json.dumps(values, default=str, ensure_ascii=False))


def _groups_from(metadata: Any, start: int) -> tuple[list[int], int]:
    """Return the row groups that reach `start` or beyond, and the position of their first row."""
    first = position = 0
    while first < metadata.num_row_groups and position + metadata.row_group(first).num_rows <= start:
        position += metadata.row_group(first).num_rows
        first += 1
    return list(range(first, metadata.num_row_groups)), position


def _values(column: Any) -> list[object]:
    """Return a column's values as Python's: texts whatever bytes they hold, timestamps as seconds since 1970."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        ticks = _TICKS[column.type.unit]
        return [None if value is None else value / ticks for value in column.cast(pa.int64()).to_pylist()]
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        # As bytes: one broken text would otherwise stop its whole batch.
        column = column.cast(pa.large_binary())
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in column.to_pylist()]
