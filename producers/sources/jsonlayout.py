"""How a file of JSON is to be read, by its beginning: a record a line, or a document with records somewhere in it."""

from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec.structs import replace

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.columns import SAMPLE_ROWS, find_fields
from moodmill.producers.sources.jsoncut import BrokenJsonError, EndedJsonError
from moodmill.producers.sources.jsondocument import Documents
from moodmill.producers.sources.jsonplaces import Places, are_one, asks_for_columns, is_lone_word
from moodmill.producers.sources.jsonrefusal import Beginning, check_no_export, many_places, refusal
from moodmill.producers.sources.jsonvalue import (
    Object,
    comments_within,
    decode_object,
    flat,
    keys_twice,
    names_of,
    pick,
)
from moodmill.producers.sources.layout import Fields, Layout, ReadOptions
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong, read_lines
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.redditapi import are_reddits, essence, holds_more_than_itself, is_marked
from moodmill.producers.sources.transcoding import in_utf8, wide_encoding

#: Lines, without blank ones, that tell whether each is a record, and the bytes that are read for them.
_LINES = 20
_LINES_BYTES = 2 * LINE_LIMIT + (4 << 20)
#: Bytes of a document in which its records are looked for, and those where none is found sooner.
_LOOKED_BYTES = 4 << 20
_SEARCHED_BYTES = 64 << 20
#: Where a part of a record stands that was too long to be given whole, and where the record does.
_PARTS = {"title": "", "body": "", "item.title": "item", "item.body": "item"}
#: Records that tell the columns, and their bytes.
_SAMPLE = SAMPLE_ROWS
_SAMPLE_BYTES = 8 << 20


def find_layout(place: Place, options: ReadOptions) -> Layout:
    """Return how the file is to be read.

    Raises SourceError where it holds no records: a NoSourceError where none are to be expected in it.
    """
    finding = _Finding(place, options)
    return finding.layout()


class _Finding:
    """The looks that are taken at one file."""

    def __init__(self, place: Place, options: ReadOptions) -> None:
        self._place = place
        self._options = options
        head = next(iter(ByteStream(place)), b"")
        self._encoding = options.encoding or wide_encoding(head)
        self._is_empty = not head
        #: What a look met where the file's bytes end before their time: what comes before may be good.
        self._breach: SourceError | None = None

    def layout(self) -> Layout:
        lines = self._look_at_lines()
        if lines.first is None:
            found = "is empty" if self._is_empty else "holds only blanks and NULs"
            raise self._breach or SourceError(
                f"{self._place} {found}: expected records as JSON, such as a Reddit dump, one JSON object a line"
            )
        by_line = "" in lines.places.records
        if by_line and not lines.broken:
            return self._of_lines(lines)
        document = self._look_at_document(lines.first)
        is_broken = document.error is not None and not isinstance(document.error, EndedJsonError)
        if by_line and (is_broken or not any(place.endswith("item") for place in document.places.records)):
            # Broken lines among records; a document has its records in an array, and may break off.
            return self._of_lines(lines)
        if document.places.records:
            return self._of_document(document)
        raise self._breach or self._refusal(lines, document)

    def _look_at_lines(self) -> Beginning:
        found = Beginning(places=Places(self._options))
        blocks = _first_bytes(self._blocks(), _LINES_BYTES)
        filled = (line for _, line in read_lines(blocks) if isinstance(line, Overlong) or line.strip())
        for line in islice(filled, _LINES):
            raw = line.head if isinstance(line, Overlong) else line
            found.first = raw if found.first is None else found.first
            found.add(raw, "")
        return found

    def _look_at_document(self, first: bytes) -> Beginning:
        found = Beginning(places=Places(self._options), first=first)
        looked = 0
        parts = _PARTS
        documents = Documents(self._blocks())
        try:
            for value in documents.values():
                if isinstance(value.raw, Overlong):
                    continue
                if value.place in parts:
                    self._look_at_long_record(found.places, parts[value.place])
                    parts = {}
                looked += len(value.raw)
                if not found.places.knows(value.place):
                    found.add(value.raw, value.place)
                if looked > (_LOOKED_BYTES if found.places.records else _SEARCHED_BYTES):
                    break
        except BrokenJsonError as error:
            found.error = error
        return found

    def _look_at_long_record(self, places: Places, place: str) -> None:
        """Look whether what was too long to be given whole is a record: a thread with all its comments, say."""
        value = next(Documents(self._blocks(), [place]).values(), None)
        if value and value.place == place and isinstance(value.raw, bytes) and is_marked(record := essence(value.raw)):
            places.look(record, place)

    def _of_lines(self, lines: Beginning) -> Layout:
        records = lines.places.records[""]
        if len(lines.values) == 1 and not lines.broken and is_lone_word(records[0], self._options):
            raise self._refusal(lines, lines)
        if asks_for_columns(self._options) or not are_reddits(records):
            return self._of_table(None)
        is_dump = self._encoding is None and not any(map(holds_more_than_itself, records))
        if is_dump and self._options.kind is None:
            return Layout(kind="reddit", fields=Fields(ids="reddit"))
        return self._of_reddit(None)

    def _of_document(self, document: Beginning) -> Layout:
        places = document.places
        if places.of_reddit:
            return self._of_reddit("\n".join(places.of_reddit))
        tables = places.of_tables
        records = places.records[tables[0]]
        if tables == [""] and len(records) == 1 and is_lone_word(records[0], self._options):
            raise self._refusal(document, document)
        if not are_one(tables):
            check_no_export(self._place, records)
            raise many_places(self._place, tables)
        return self._of_table("\n".join(tables))

    def _of_reddit(self, records_at: str | None) -> Layout:
        return Layout(kind="json", fields=Fields(ids="reddit"), encoding=self._encoding, records_at=records_at)

    def _of_table(self, records_at: str | None) -> Layout:
        raws = self._sample(records_at)
        records = []
        for raw in raws:
            try:
                records.append(decode_object(raw, "replace"))
            except ValueError:
                continue  # a dead letter, when its time comes
        check_no_export(self._place, records)
        self._check_encoding(raws)
        fields = self._fields(records)
        if twice := keys_twice(raws) & {part for path in fields.called.values() for part in (path, *path.split("."))}:
            raise SourceError(
                f"{self._place} has objects with the key {min(twice)!r} more than once, and readers take one or the "
                "other: give them names of their own"
            )
        return Layout(kind="json", fields=fields, encoding=self._encoding, records_at=records_at)

    def _fields(self, records: list[Object]) -> Fields:
        rows = [flat(record) for record in records]
        columns = self._options.columns
        asked = [path for field in columns.__slots__ if (path := getattr(columns, field)) is not None]
        for path in asked:  # it may lead deeper than names are taken from
            for record, row in zip(records, rows, strict=True):
                if path not in row and not isinstance(found := pick(record, path), dict | list | None):
                    row[path] = found
        names = names_of(rows, asked)
        fields = find_fields(self._options, names, ([row.get(name) for name in names] for row in rows), self._place)
        return replace(fields, unread=tuple(sorted({path for record in records for path in comments_within(record)})))

    def _check_encoding(self, raws: list[bytes]) -> None:
        for raw in raws if self._encoding is None else ():
            try:
                raw.decode()
            except UnicodeDecodeError as error:
                around = raw[max(0, error.start - 10) : error.start + 10]
                raise SourceError(
                    f"{self._place} is not all UTF-8: found {around!r}; name its encoding, as by --encoding cp1252, or "
                    "--encoding utf-8 to have such records as dead letters"
                ) from None

    def _sample(self, records_at: str | None) -> list[bytes]:
        raws: list[bytes] = []
        size = 0
        try:
            for raw in raw_records(self._blocks(), records_at):
                if isinstance(raw, bytes):
                    raws.append(raw)
                    size += len(raw)
                if len(raws) == _SAMPLE or size > _SAMPLE_BYTES:
                    break
        except BrokenJsonError:
            pass  # reported when it is read
        return raws

    def _refusal(self, lines: Beginning, document: Beginning) -> SourceError:
        for found in (lines, document):
            check_no_export(self._place, found.objects)
            if len(found.objects) > max(1, found.broken) and (found is lines or not document.error):
                self._fields(found.objects)  # raises where none holds a text, naming the columns that are there
        return refusal(self._place, lines, document)

    def _blocks(self) -> Iterator[bytes]:
        try:
            yield from in_utf8(ByteStream(self._place), self._encoding)
        except SourceError as error:
            self._breach = error


def raw_records(blocks: Iterable[bytes], records_at: str | None) -> Iterator[bytes | Overlong]:
    """Yield the records as they stand in the file. Raises BrokenJsonError where no JSON follows."""
    if records_at is None:
        yield from (line for _, line in read_lines(blocks) if isinstance(line, Overlong) or line.strip())
        return
    places = records_at.split("\n")
    yield from (value.raw for value in Documents(blocks, places).values() if value.place in places)


def _first_bytes(blocks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    for block in blocks:
        yield block
        limit -= len(block)
        if limit < 0:
            return
