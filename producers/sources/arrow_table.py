"""Tables of Arrow columns, whatever file holds them, as sources of comments. Imports pyarrow, which takes a while."""

import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any, ClassVar, Final, Protocol

import pyarrow as pa
from msgspec.structs import replace

from moodmill.db.analytics.export_mark import is_export
from moodmill.db.core.elsewhere import is_remote
from moodmill.db.core.errors import NoSourceError, SourceError
from moodmill.db.core.payload import is_cut
from moodmill.producers.sources.arrow_paths import ColumnPath, columns_of, find_path, lists_of
from moodmill.producers.sources.arrow_sizes import row_bytes, slices
from moodmill.producers.sources.arrow_values import NotUtf8, texts, times
from moodmill.producers.sources.bad import bad
from moodmill.producers.sources.codec import CODECS
from moodmill.producers.sources.columns import KNOWN, SAMPLE_ROWS, are_comments, find_fields, may_be_clock
from moodmill.producers.sources.files import open_file
from moodmill.producers.sources.foreign import HEAD, foreign_head
from moodmill.producers.sources.layout import AS_FOUND, Fields, Layout, ReadOptions
from moodmill.producers.sources.lines import LINE_LIMIT
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Record
from moodmill.producers.sources.rereading import Rereader
from moodmill.producers.sources.seekable import opened
from moodmill.producers.sources.table_row import to_parsed

#: Rows made into Python's values at once.
BATCH: Final = 4096
#: How files of other formats begin that are taken for these, and their kinds.
_MAGICS: Final = {b"PAR1": "parquet", b"ARROW1": "arrow", b"FEA1": "arrow"}
#: Bytes that tell what a file is.
_HEAD: Final = HEAD
#: Characters of a type that an error shows.
_SHOWN: Final = 60
#: How dead letters write the bytes of a text that is no UTF-8: as json does, and PEP 383.
_ESCAPED = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Rows that follow each other, no more than BATCH."""

    #: The number of the first one.
    first: int
    rows: int
    #: Arrays of Arrow, one for each path that was asked for.
    columns: Sequence[Any]
    #: How much of the file is read with them, from 0 to 1.
    share: float


class OpenTable(Protocol):
    """A file that is open; whatever it does may raise pyarrow's exceptions."""

    @property
    def schema(self) -> Any: ...

    def parts(self, paths: Sequence[ColumnPath], start: int) -> Iterator[Part]:
        """Yield the rows in order, the first part with or before row `start`."""


class ArrowTable(ABC):
    """A file of rows in typed columns; a record's position is its row's number."""

    kind: ClassVar[str]
    #: As messages call it.
    format: ClassVar[str]

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._origin = place.origin
        self._options = options
        self._layout = layout
        self._share_read = 0.0
        self._rereader = Rereader(self)

    @abstractmethod
    def _opened(self) -> AbstractContextManager[OpenTable]:
        """Open the file."""

    def inspect(self) -> Layout:
        """Return how it is read.

        Raises SourceError if this is no such file or has no text column, NoSourceError if moodmill exported it.
        """
        if self._layout is None:
            with self._open() as table:
                self._layout = Layout(kind=self.kind, fields=self._fields(table))
        return self._layout

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from row `start` on; see Source. Batches known to end before it are not decoded."""
        self._share_read = 0.0
        fields = self.inspect().fields
        names = [*fields.constants, *fields.columns]
        with self._open() as table:
            paths = self._paths(table.schema, fields)
            for part in table.parts(paths, start):
                skipped = min(max(0, start - part.first), part.rows)
                sizes = row_bytes([column.slice(skipped) for column in part.columns], part.rows - skipped)
                for begin, end in slices(sizes):
                    if sizes[begin] > LINE_LIMIT:  # which is alone then
                        yield _overlong(part.first + skipped + begin, int(sizes[begin]))
                        continue
                    columns: list[Any] = [repeat(value, end - begin) for value in fields.constants.values()]
                    for field, column in zip(fields.columns, part.columns, strict=True):
                        columns.append(_values(field, column.slice(skipped + begin, end - begin)))
                    all_utf8 = not any(NotUtf8 in map(type, column) for column in columns[len(fields.constants) :])
                    record = self._record if all_utf8 else self._checked
                    for position, row in enumerate(zip(*columns, strict=True), part.first + skipped + begin):
                        yield record(fields, dict(zip(names, row, strict=True)), position)
                self._share_read = part.share
        self._share_read = 1.0

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._share_read

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more: the row's fields as a JSON object. One that is cut is read again."""
        if is_cut(payload):
            return self._rereader.read(payload, position)
        try:
            values = json.loads(payload)
        except (ValueError, RecursionError) as error:
            return bad(position, f"expected a row as a JSON object, found broken JSON: {error}", payload)
        if not isinstance(values, dict):
            return bad(position, f"expected a row as a JSON object, found {type(values).__name__}", payload)
        fields = self.inspect().fields
        row = {field: _unescaped(value) for field, value in values.items()}
        return self._checked(fields, {**fields.constants, **row}, position)

    def _checked(self, fields: Fields, values: dict[str, object], position: int) -> Record:
        """Return the record of a row that may hold texts that are none."""
        for field, value in values.items():
            if isinstance(value, NotUtf8):
                column = fields.called.get(field, field)
                return bad(position, f"expected UTF-8 in column {column!r}, found {value.error}", _payload(values))
        return self._record(fields, values, position)

    def _record(self, fields: Fields, values: dict[str, object], position: int) -> Record:
        try:
            return to_parsed(values, position, self._origin, fields, self._options)
        except ValueError as error:
            return bad(position, str(error), _payload(values))

    @contextmanager
    def _open(self) -> Iterator[OpenTable]:
        try:
            with self._opened() as table:
                yield table
        except (pa.ArrowException, OSError) as error:
            raise self._error(error) from error
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.place} has columns whose names are no UTF-8: {error}; rename them") from error

    def _error(self, error: Exception) -> SourceError:
        """Return pyarrow's error in one line, with what to do."""
        reason = " ".join(str(error).split())
        if isinstance(error, OSError) and error.errno:  # the system's word, not pyarrow's
            return SourceError(f"{self.place} cannot be read: {reason}")
        head = self._head()
        if codec := next((codec for codec in CODECS if head.startswith(codec.magics)), None):
            return SourceError(f"{self.place} is {self.format} within {codec.name}: unpack it first")
        other = next((kind for magic, kind in _MAGICS.items() if head.startswith(magic)), self.kind)
        if other != self.kind:
            return SourceError(f"{self.place} is no {self.format} file: --format {other} reads it")
        if head.startswith(b"PARE") or "encrypt" in reason.lower():
            return SourceError(f"{self.place} is encrypted: decrypt it first ({reason})")
        if not head.startswith(tuple(_MAGICS)) and (foreign := foreign_head(head)):
            return SourceError(f"{self.place} is {foreign}")
        if isinstance(error, pa.ArrowNotImplementedError) or "not supported" in reason:
            return SourceError(f"{self.place} holds what cannot be read: {reason}; write it anew without that")
        return SourceError(f"{self.place} is damaged or no {self.format} file: {reason}; fetch it again")

    def _head(self) -> bytes:
        try:
            with open_file(self.place.path) as file:
                return file.read(_HEAD)
        except OSError:  # a folder, for one
            return b""

    def _fields(self, table: OpenTable) -> Fields:
        """Return where the fields are that the file has."""
        schema = table.schema
        if is_export(schema.names, schema.metadata):
            raise NoSourceError(
                f"{self.place} is an export of moodmill's: label what it was made of, or a copy without probabilities"
            )
        if not schema.names:
            raise SourceError(f"{self.place} has no columns: expected one of texts")
        columns = columns_of(schema)
        # A column of structs or lists holds no field itself: its name comes with its type, so that nobody takes it.
        names = [f"{column.name}: {column.type}" if column.is_nested else column.name for column in columns]
        for column in self._asked(schema, names):
            columns.append(column)
            names.append(column.name)
        fields = find_fields(self._options, names, self._sample(table, columns, names), self.place)
        for field, number in fields.columns.items():
            self._refuse_nested(field, columns[number])
        return replace(fields, unread=tuple(name for name, inner in lists_of(schema) if are_comments(inner)))

    def _asked(self, schema: Any, names: Sequence[str]) -> Iterator[ColumnPath]:
        """Yield what is asked for by paths through lists and maps, whose ends no schema lists."""
        known = {_as_asked(name) for name in names}
        for field, name in asdict(self._options.columns).items():
            path = None if name is None or _as_asked(name) in known else find_path(schema, name)
            if path is not None:
                self._refuse_nested(field, path)
                known.add(_as_asked(path.name))
                yield path

    def _paths(self, schema: Any, fields: Fields) -> list[ColumnPath]:
        """Return where the columns of a layout are."""
        columns = columns_of(schema)
        paths = []
        for field, number in fields.columns.items():
            path = columns[number] if number < len(columns) else find_path(schema, fields.called[field])
            if path is None:
                raise SourceError(
                    f"{self.place} has no column {fields.called[field]!r}: it changed since its run began"
                )
            paths.append(path)
        return paths

    def _refuse_nested(self, field: str, path: ColumnPath) -> None:
        if path.is_nested:
            raise SourceError(
                f"{self.place}: expected texts in column {path.name!r}, found {str(path.type)[:_SHOWN]}; "
                f"name the right one by --{field.replace('_', '-')}-column, or what is in it, as in {path.within}"
            )

    def _sample(
        self, table: OpenTable, columns: Sequence[ColumnPath], names: Sequence[str]
    ) -> Iterator[tuple[object, ...]]:
        """Yield the first rows, with only the columns of times and ids: the rest is not read."""
        asked = self._options.columns
        links = {*KNOWN["link"], _as_asked(asked.link or "")}
        known = {*KNOWN["created_at"], *links, _as_asked(asked.created_at or "")}
        wanted = [
            number
            for number, name in enumerate(names)
            if (not known.isdisjoint((_as_asked(name), str(number + 1))) or may_be_clock(_as_asked(name)))
            and not columns[number].is_nested
        ]
        rows = 0
        for part in table.parts([columns[number] for number in wanted], 0) if wanted else ():
            sizes = row_bytes(part.columns, part.rows)
            for begin, end in slices(sizes):
                if sizes[begin] > LINE_LIMIT:
                    continue
                found = {
                    number: (texts if _as_asked(names[number]) in links else times)(column.slice(begin, end - begin))
                    for number, column in zip(wanted, part.columns, strict=True)
                }
                yield from zip(*(found.get(n, repeat(None, end - begin)) for n in range(len(names))), strict=True)
            rows += part.rows
            if rows >= SAMPLE_ROWS:
                return


@contextmanager
def seekable(place: Place) -> Iterator[Any]:
    """Open a file, or a copy of an archive's member, as pyarrow reads it from any byte on."""
    if place.member is None and not is_remote(place.path):
        # By the name's bytes, which may be no UTF-8.
        with pa.OSFile(os.fsencode(place.path)) as file:
            yield file
    else:
        with opened(place) as copy:
            yield copy


def _overlong(position: int, length: int) -> Record:
    return bad(position, f"row of {length} bytes; at most {LINE_LIMIT >> 20} MiB are read", "", length)


def _as_asked(name: str) -> str:
    return name.strip().lower()


def _values(field: str, column: Any) -> Sequence[object]:
    return times(column) if field == "created_at" else texts(column)


def _payload(values: Mapping[str, object]) -> str:
    """Write a row as JSON; bytes that are no UTF-8 as `\\udcXX`, which `_unescaped` reads."""
    written = json.dumps(values, default=_written, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _written(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, NotUtf8) else str(value)


def _unescaped(value: object) -> object:
    if not isinstance(value, str) or not _ESCAPED.search(value):
        return value
    try:
        return NotUtf8(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # surrogates of another kind, which are cleaned away
        return value
