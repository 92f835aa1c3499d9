"""Tables as Parquet, of which no more is read than the columns that are needed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from moodmill.producers.sources.arrow_paths import ColumnPath, follow, narrowed, stored, struct_depth
from moodmill.producers.sources.arrow_table import BATCH, ArrowTable, OpenTable, Part, seekable
from moodmill.producers.sources.member import refuse_bomb

#: Logical types of what Parquet stores as bytes, and reads as texts.
_TEXTS: Final = frozenset(("STRING", "NONE", "JSON", "ENUM"))
#: Bytes read at once of each column.
_BUFFER: Final = 1 << 20


class ParquetFile(ArrowTable):
    """A Parquet file; a record's position is its row's number."""

    kind = "parquet"
    format = "Parquet"

    @contextmanager
    def _opened(self) -> Iterator[OpenTable]:
        with (
            seekable(self.place) as file,
            pq.ParquetFile(
                file,
                read_dictionary=self._texts(pq.read_metadata(file)),
                # These hold whole row groups in memory, or whole columns of them.
                pre_buffer=False,
                buffer_size=_BUFFER,
                # As nanoseconds, the years that Spark and Hive write so would silently become others.
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
            ) as table,
        ):
            yield _Table(table)

    def _texts(self, metadata: Any) -> list[str]:
        """Return the paths of columns of texts, to be read with each of their values once, as they are stored.

        Raises SourceError where one of them unpacks to what no table unpacks to.
        """
        columns = [metadata.schema.column(number) for number in range(metadata.num_columns)]
        texts = {number: column.path for number, column in enumerate(columns) if _is_text(column)}
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, texts):
                refuse_bomb(self.place, column.total_uncompressed_size, column.total_compressed_size)
        return list(texts.values())


def _is_text(column: Any) -> bool:
    is_flat = column.max_repetition_level == 0  # what is in lists is not taken apart as a dictionary
    return is_flat and column.physical_type == "BYTE_ARRAY" and column.logical_type.type in _TEXTS


class _Table:
    def __init__(self, file: Any) -> None:
        self.schema = file.schema_arrow
        self._file = file

    def parts(self, paths: Sequence[ColumnPath], start: int) -> Iterator[Part]:
        """Yield the rows of the row groups that reach `start` or beyond."""
        depths = {path.steps: struct_depth(self.schema, path) for path in paths}
        leaves = {leaf for path in paths for leaf in _leaves(self.schema, path.steps[: depths[path.steps]])}
        steps = narrowed(paths, lambda path: depths[path.steps])
        groups, position = _groups_from(self._file.metadata, start)
        total = self._file.metadata.num_rows
        # By numbers, for two columns may have one name.
        batches = self._file.reader.iter_batches(BATCH, row_groups=groups, column_indices=sorted(leaves))
        for batch in batches:
            columns = [follow(batch.column(column), within) for column, *within in steps]
            share = (position + batch.num_rows) / total
            yield Part(first=position, rows=batch.num_rows, columns=columns, share=share)
            position += batch.num_rows


def _groups_from(metadata: Any, start: int) -> tuple[list[int], int]:
    """Return the row groups that reach `start` or beyond, and the position of their first row."""
    first = position = 0
    while first < metadata.num_row_groups and position + metadata.row_group(first).num_rows <= start:
        position += metadata.row_group(first).num_rows
        first += 1
    return list(range(first, metadata.num_row_groups)), position


def _leaves(schema: Any, steps: Sequence[Any]) -> range:
    """Return the numbers of the columns that Parquet stores for what lies behind steps through structs."""
    first, kinds = 0, list(schema.types)
    kind: Any = None
    for step in steps:
        first += sum(map(_width, kinds[:step]))
        kind = stored(kinds[step])
        kinds = [field.type for field in kind] if pa.types.is_struct(kind) else []
    return range(first, first + _width(kind))


def _width(kind: Any) -> int:
    """Count the columns that Parquet stores for a type."""
    kind = stored(kind)
    if pa.types.is_struct(kind):
        return sum(_width(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _width(kind.key_type) + _width(kind.item_type)
    return _width(kind.value_type) if pa.types.is_nested(kind) else 1
