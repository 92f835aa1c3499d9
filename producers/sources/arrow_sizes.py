"""How many bytes the rows of Arrow columns unfold to, so that no more of them are unfolded at once than fit.

A dictionary, views and runs hold a value once for any number of rows: 4 KB of a file may stand for gigabytes of texts.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from moodmill.producers.sources.lines import LINE_LIMIT

#: Bytes of texts that are unfolded at once, which is what a row may have: a batch of any usual table has less.
BYTES: Final = LINE_LIMIT
#: A view has 16 bytes, the first four of them its length.
_VIEW: Final = 4


def row_bytes(columns: Sequence[Any], rows: int) -> NDArray[np.int64]:
    """Return the bytes of texts in each row, [rows]."""
    total = np.zeros(rows, dtype=np.int64)
    for column in columns:
        total += _bytes(column)
    return total


def slices(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the beginnings and ends of rows that follow each other, of at most BYTES or one row."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + BYTES, side="right")))
        yield start, stop
        start = stop


def _bytes(column: Any) -> NDArray[np.int64] | int:
    while isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = column.type
    if pa.types.is_dictionary(kind):
        of_values = pa.array(np.broadcast_to(_bytes(column.dictionary), len(column.dictionary)))
        return _numbers(of_values.take(column.indices))
    if pa.types.is_run_end_encoded(kind):
        # Its offset is not that of its values: their sizes are laid out as they are.
        plain = pa.RunEndEncodedArray.from_arrays(
            column.run_ends, pa.array(np.broadcast_to(_bytes(column.values), len(column.values)))
        )
        return _numbers(pc.run_end_decode(plain).slice(column.offset, len(column)))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        views = np.frombuffer(column.buffers()[1], dtype=np.int32).reshape(-1, _VIEW)
        return views[column.offset : column.offset + len(column), 0].astype(np.int64)
    if pa.types.is_fixed_size_binary(kind):
        return int(kind.byte_width)
    is_text = pa.types.is_string(kind) or pa.types.is_binary(kind)
    if is_text or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _numbers(pc.binary_length(column))
    return 0


def _numbers(column: Any) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = pc.fill_null(column, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return numbers
