"""Cuts a source's records into chunks: a range of records, the comments in it, and what became of the others."""

from collections.abc import Iterable, Iterator
from typing import Final

from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import Filters
from moodmill.db.ledger.entries import DeadLetter, Note, RecordRange
from moodmill.producers.runs.filtered_names import FilteredNames
from moodmill.producers.sources.record import Bad, Parsed, Record

#: Records of a chunk at most, so that a filter that passes little still leaves its marks in the ledger.
MAX_RECORDS: Final = 65_536
#: And dead letters, each with a payload of up to 64 KiB.
MAX_LETTERS: Final = 1_000
#: Characters of a chunk's comments and letters after which it ends: what a message over Redis may weigh.
MAX_CHARACTERS: Final = 2_000_000


class RangeBuilder:
    """Sorts the records of a source out, one by one, into a range of them."""

    def __init__(self, first: int, filters: Filters, names: FilteredNames | None = None) -> None:
        """`first` is the position where the range begins; `names` counts the names that are passed over."""
        self.found: Final = RecordRange(first=first, stop=first)
        self._filters: Final = filters
        self._names: Final = names
        self._characters = 0

    @property
    def is_full(self) -> bool:
        """Whether the range weighs what a chunk may weigh, however many comments are in it."""
        found = self.found
        return self._characters >= MAX_CHARACTERS or found.records >= MAX_RECORDS or len(found.dead) >= MAX_LETTERS

    def take(self, record: Record) -> None:
        """Sort out one more record."""
        found = self.found
        found.records += 1
        found.stop = record.position + 1
        if isinstance(record, Bad):
            letter = DeadLetter(position=record.position, stage="read", error=record.error, payload=record.payload)
            found.dead.append(letter)
            self._characters += len(letter.payload)
            return
        if record.notes:
            self._note(record)
        comment = record.comment
        reason = self._filters.reason_to_skip(record)
        if reason is not None:
            found.skipped[reason] += 1
            if self._names is not None:
                self._names.count(reason, comment)
            return
        found.comments.append(comment)
        self._characters += sum(map(len, (comment.text, comment.id, comment.subreddit or "", comment.author or "")))

    def _note(self, record: Parsed) -> None:
        notes = self.found.notes
        for kind, example in record.notes:
            before = notes.get(kind, Note(n=0))
            notes[kind] = Note(n=before.n + 1, example=example if before.example is None else before.example)


def cut_records(
    records: Iterable[Record],
    filters: Filters,
    start: int,
    comments: int,
    names: FilteredNames | None = None,
    limit: int | None = None,
) -> Iterator[RecordRange]:
    """Yield ranges of at most `comments` comments; they follow on each other from the position `start` on.

    `names` counts the names that are passed over. With a limit, which is 1 or more, nothing is read behind so many
    comments.

    A SourceError of `records` comes after the range of all that was read before it.
    """
    builder, left = RangeBuilder(start, filters, names), limit
    error: SourceError | None = None
    try:
        for record in records:
            builder.take(record)
            found = builder.found
            if left is not None and len(found.comments) >= left:
                break
            if len(found.comments) >= comments or builder.is_full:
                yield found
                left = None if left is None else left - len(found.comments)
                builder = RangeBuilder(found.stop, filters, names)
    except SourceError as raised:
        error = raised
    if builder.found.records:
        yield builder.found
    if error is not None:
        raise error
