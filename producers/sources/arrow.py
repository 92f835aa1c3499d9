"""Tables as Arrow writes them: IPC files (Feather among them), and IPC streams."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import pyarrow as pa

from moodmill.db.core.elsewhere import is_remote
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.arrow_paths import ColumnPath, follow, narrowed
from moodmill.producers.sources.arrow_table import BATCH, ArrowTable, OpenTable, Part
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.seekable import opened

#: How IPC files begin, and Feather's first version; what begins otherwise is a stream.
_FILE: Final = b"ARROW1"
_FEATHER_V1: Final = b"FEA1"
#: Bytes before the stream that an IPC file is inside.
_HEAD: Final = 8
#: What begins each message of a stream since Arrow 0.15, and what ends the stream.
_MESSAGE: Final = b"\xff\xff\xff\xff"
_END: Final = _MESSAGE + bytes(4)


class ArrowFile(ArrowTable):
    """An Arrow IPC file or stream, or a Feather file; a record's position is its row's number."""

    kind = "arrow"
    format = "Arrow"

    @contextmanager
    def _opened(self) -> Iterator[OpenTable]:
        with mapped(self.place) as file:
            head = file.read_at(len(_FILE), 0)
            if head.startswith(_FILE):
                yield _File(file)
            elif head.startswith(_FEATHER_V1):
                # pyarrow gives it up, and damaged ones crash it.
                raise SourceError(
                    f"{self.place} is of Feather's first version, which is not read: write it anew as the second, by "
                    "pyarrow.feather's read_table and write_feather"
                )
            else:
                yield _Stream(file, self.place)


@contextmanager
def mapped(place: Place) -> Iterator[Any]:
    """Open a file, or a copy of an archive's member. A file is mapped, for a batch may be larger than the memory.

    One from elsewhere is read over the network, again where it is read again.
    """
    if place.member is None and not is_remote(place.path):
        # By the name's bytes, which may be no UTF-8.
        with pa.memory_map(os.fsencode(place.path)) as file:
            yield file
    else:
        with opened(place) as copy, pa.PythonFile(copy, mode="r") as file:
            yield file


class _File:
    """An IPC file. Its batches are read as those of a stream, in place: by their numbers they would be copied."""

    def __init__(self, file: Any) -> None:
        footer = pa.ipc.open_file(file)
        self.schema = footer.schema
        self._count = footer.num_record_batches
        self._file = file

    def parts(self, paths: Sequence[ColumnPath], start: int) -> Iterator[Part]:
        """Yield the rows; batches before `start` are passed over."""
        self._file.seek(_HEAD)
        found = position = 0
        for batch in islice(pa.ipc.open_stream(self._file, options=_only(paths)), self._count):
            if position + batch.num_rows > start:
                yield from _parts(batch, paths, position, (found / self._count, (found + 1) / self._count))
            found, position = found + 1, position + batch.num_rows
        if found < self._count:
            raise pa.ArrowInvalid(f"expected {self._count} batches, found {found}")


class _Stream:
    """An IPC stream."""

    def __init__(self, file: Any, source: object) -> None:
        self.schema = pa.ipc.open_stream(file).schema
        self._file = file
        self._source = source

    def parts(self, paths: Sequence[ColumnPath], start: int) -> Iterator[Part]:
        """Yield the rows. Raises SourceError where the stream has no end, or something follows it."""
        self._file.seek(0)
        size, position, share = self._file.size(), 0, 0.0
        for batch in pa.ipc.open_stream(self._file, options=_only(paths)):
            read = self._file.tell() / size
            if position + batch.num_rows > start:
                yield from _parts(batch, paths, position, (share, read))
            position, share = position + batch.num_rows, read
        self._check_end(position)

    def _check_end(self, rows: int) -> None:
        end, size = self._file.tell(), self._file.size()
        is_marked = self._file.read_at(len(_MESSAGE), 0) == _MESSAGE
        if is_marked and self._file.read_at(len(_END), max(0, end - len(_END))) != _END:
            raise SourceError(
                f"{self._source} is truncated: its Arrow stream has no end behind row {rows}; fetch it again"
            )
        if end < size:
            raise SourceError(f"{self._source} goes on for {size - end} bytes behind the end of its Arrow stream")


def _needed(paths: Sequence[ColumnPath]) -> list[int]:
    """Return the numbers of the columns in which paths end, in their order."""
    return sorted({int(path.steps[0]) for path in paths})


def _only(paths: Sequence[ColumnPath]) -> Any:
    return pa.ipc.IpcReadOptions(included_fields=_needed(paths))


def _parts(batch: Any, paths: Sequence[ColumnPath], first: int, shares: tuple[float, float]) -> Iterator[Part]:
    """Yield the rows of a batch, the first of which has the number `first`, in parts small enough for Python's values.

    `shares` are those of the file that is read before and behind it. Raises ArrowInvalid where the batch is damaged.
    """
    steps = narrowed(paths, lambda _: 1)
    for column in {column for column, *_ in steps}:
        check(batch.column(column))
    columns = [follow(batch.column(column), within) for column, *within in steps]
    for start in range(0, batch.num_rows, BATCH):
        rows = min(BATCH, batch.num_rows - start)
        share = shares[0] + (shares[1] - shares[0]) * (start + rows) / batch.num_rows
        yield Part(
            first=first + start, rows=rows, columns=[column.slice(start, rows) for column in columns], share=share
        )


def check(column: Any) -> None:
    """Raise ArrowInvalid where values lead out of a column's buffers, as in a damaged file: to read them may crash.

    Texts that are no UTF-8 pass.
    """
    while isinstance(column, pa.ExtensionArray):
        column = column.storage
    kind = _of_bytes(column.type)
    (column if kind == column.type else column.view(kind)).validate(full=True)


def _of_bytes(kind: Any) -> Any:
    """Return a type with bytes in the place of texts."""
    for is_text, of_bytes in (
        (pa.types.is_string, pa.binary()),
        (pa.types.is_large_string, pa.large_binary()),
        (pa.types.is_string_view, pa.binary_view()),
    ):
        if is_text(kind):
            return of_bytes
    if pa.types.is_dictionary(kind):
        return pa.dictionary(kind.index_type, _of_bytes(kind.value_type), kind.ordered)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_of_bytes(field.type)) for field in kind])
    if pa.types.is_map(kind):
        key, item = (field.with_type(_of_bytes(field.type)) for field in (kind.key_field, kind.item_field))
        return pa.map_(key, item, kind.keys_sorted)
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_of_bytes(kind.value_type)))
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(kind.value_field.with_type(_of_bytes(kind.value_type)), kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_of_bytes(kind.value_type)))
    return kind
