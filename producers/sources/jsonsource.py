"""JSON of any shape: an object a line, arrays, documents with an array somewhere in them, answers of Reddit's API."""

import json
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from moodmill.db.core.comment import Comment
from moodmill.db.core.payload import is_cut
from moodmill.producers.sources.bad import bad
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.columns import KNOWN
from moodmill.producers.sources.jsondocument import Documents
from moodmill.producers.sources.jsonlayout import find_layout
from moodmill.producers.sources.jsonstray import PlacedValues
from moodmill.producers.sources.jsonvalue import Object, called, decode, decode_object, picker
from moodmill.producers.sources.layout import AS_FOUND, Fields, Layout, ReadOptions
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong, read_lines
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Bad, Parsed, Record
from moodmill.producers.sources.reddit import RedditDump, parsed_record, read_record, was_deleted_later
from moodmill.producers.sources.redditapi import Entry, entries, may_hold_others
from moodmill.producers.sources.rereading import Rereader
from moodmill.producers.sources.table_row import to_parsed
from moodmill.producers.sources.transcoding import in_utf8

#: Fields without which a row is no comment's: what has another form there is a dead letter.
_NEEDED = frozenset(("text", "id"))
#: Fields that not all records need have.
_LATER = ("id", "subreddit", "author", "created_at")


class JsonSource:
    """A file of JSON, compressed or not; a record's position is its number in the file, in a table its line's number.

    Its form is found by its content, and Reddit's dumps are left to RedditDump. A reading from some record on
    reads the ones before it as well.
    """

    def __init__(self, place: Place, options: ReadOptions = AS_FOUND, layout: Layout | None = None) -> None:
        self.place = place
        self.name = place.name
        self._origin = place.origin
        self._options = options
        self._layout = layout
        self._stream = ByteStream(place)
        self._dump: RedditDump | None = None
        self._rereader = Rereader(self)

    def inspect(self) -> Layout:
        """Return how it is read. Raises SourceError where it holds no records: NoSourceError where it need not."""
        if self._layout is None:
            self._layout = find_layout(self.place, self._options)
            if self._layout.kind == "reddit":
                self._dump = RedditDump(self.place, self._options, self._layout)
        return self._layout

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records from number `start` on; see Source."""
        layout = self.inspect()
        if self._dump is not None:
            return self._dump.records(start)
        self._stream = ByteStream(self.place)
        if layout.fields.columns:
            return self._rows(layout, start)
        return (record for record in self._answers(layout) if record.position >= start)

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""
        return self._stream.share_read if self._dump is None else self._dump.share_read()

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more; of one that is cut, the record is read again."""
        layout = self.inspect()
        if is_cut(payload):
            return self._rereader.read(payload, position)
        if self._dump is not None:
            return self._dump.parse(payload, position)
        raw = payload.encode("utf-8", "replace")
        if layout.fields.columns:
            return _Table(self._origin, layout.fields, self._options).record(raw, position)
        return next(self._records_in(raw, position), bad(position, "expected a record, found none", payload))

    def _rows(self, layout: Layout, start: int) -> Iterator[Record]:
        """Yield a record for each object of a table."""
        table = _Table(self._origin, layout.fields, self._options)
        for position, raw in self._raws(layout, start):
            if isinstance(raw, Overlong):
                yield _overlong(raw, position)
            else:
                yield table.record(raw, position)

    def _answers(self, layout: Layout) -> Iterator[Record]:
        """Yield the records of Reddit, of which an object may hold several."""
        position = 0
        for _, raw in self._raws(layout, 0):
            if isinstance(raw, Overlong):
                yield _overlong(raw, position)
                position += 1
                continue
            for record in self._records_in(raw, position):
                yield record
                position = record.position + 1

    def _raws(self, layout: Layout, start: int) -> Iterator[tuple[int, bytes | Overlong]]:
        """Yield what holds records from number `start` on, with its line's number or its own."""
        blocks = in_utf8(self._stream, layout.encoding)
        if layout.records_at is None:
            for number, line in read_lines(blocks, start):
                if isinstance(line, Overlong) or line.strip():
                    yield number, line
            return
        places = frozenset(layout.records_at.split("\n"))
        values = PlacedValues(Documents(blocks, places), places, self.place, self._options)
        yield from ((number, raw) for number, raw in enumerate(values) if number >= start)

    def _records_in(self, raw: bytes, position: int) -> Iterator[Record]:
        if raw.startswith(b"{") and not may_hold_others(raw):
            yield read_record(raw, position, self._options)
            return
        try:
            value = decode(raw)
        except ValueError as error:
            yield bad(position, str(error), raw)
            return
        for number, entry in enumerate(entries(value), position):
            yield self._of_entry(entry, raw if entry.value is value else None, number)

    def _of_entry(self, entry: Entry, raw: bytes | None, position: int) -> Record:
        if entry.missing is not None:
            return Parsed(comment=Comment(id=entry.missing, text="", position=position), gone=entry.missing)
        error = entry.error
        if isinstance(entry.value, dict) and error is None:
            try:
                return parsed_record(entry.value, position, self._options)
            except ValueError as raised:
                error = str(raised)
        return bad(position, error or "expected a JSON object", raw if raw is not None else _written(entry.value))


class _Table:
    """Makes comments of objects that are rows."""

    def __init__(self, source: str, fields: Fields, options: ReadOptions) -> None:
        self._source = source
        self._fields = fields
        self._options = options
        self._pickers: list[tuple[str, Callable[[Object], object]]] = [
            (field, picker(path)) for field, path in fields.called.items()
        ]
        #: Known names of fields that the first records lack: later ones may have them.
        self._others = [(field, KNOWN[field]) for field in _LATER if field not in {*fields.called, *fields.constants}]

    def record(self, raw: bytes, position: int) -> Record:
        try:
            return self._parsed(decode_object(raw), position)
        except ValueError as error:
            return bad(position, str(error), raw)

    def _parsed(self, row: Object, position: int) -> Parsed:
        values: dict[str, object] = {**self._fields.constants}
        for field, pick in self._pickers:
            value = pick(row)
            if isinstance(value, dict | list | bool):
                if field in _NEEDED:
                    raise ValueError(f"expected a text in {self._fields.called[field]!r}, found {called(value)}")
                value = None
            values[field] = value
        for field, names in self._others:
            name = next((one for one in names if one in row), None)
            value = None if name is None else row[name]
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                values[field] = value
        parsed = to_parsed(values, position, self._source, self._fields, self._options)
        return replace(parsed, deleted_later=True) if was_deleted_later(row.get("_meta")) else parsed


def _overlong(raw: Overlong, position: int) -> Bad:
    return bad(position, f"record of {raw.length} bytes; at most {LINE_LIMIT >> 20} MiB are read", raw.head, raw.length)


def _written(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "an object that is nested too deep"
