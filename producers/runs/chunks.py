"""Cuts a source's records into chunks: a range of records, the comments in it, and what became of the others."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import Filters
from moodmill.db.ledger.entries import Cut, DeadLetter, Note
from moodmill.producers.runs.filtered_names import FilteredNames
from moodmill.producers.sources.record import Bad, Parsed, Record

#: Records of a chunk at most, so that a filter that passes little still leaves its marks in the ledger.
MAX_RECORDS: Final = 65_536
#: And dead letters, each with a payload of up to 64 KiB.
MAX_LETTERS: Final = 1_000
#: Characters of a chunk's comments and letters after which it ends: what a message over Redis may weigh.
MAX_CHARACTERS: Final = 2_000_000


@dataclass(kw_only=True)
class RecordRange:
    """The records [first, stop) of a source, sorted out."""

    first: int
    stop: int
    records: int = 0
    comments: list[Comment] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    dead: list[DeadLetter] = field(default_factory=list)
    #: By kind.
    notes: dict[str, Note] = field(default_factory=dict)
    characters: int = 0
    #: Counts the names that are passed over.
    names: FilteredNames | None = None

    def take(self, record: Record, filters: Filters) -> None:
        """Sort out one more record."""
        self.records += 1
        self.stop = record.position + 1
        if isinstance(record, Bad):
            letter = DeadLetter(position=record.position, stage="read", error=record.error, payload=record.payload)
            self.dead.append(letter)
            self.characters += len(letter.payload)
            return
        if record.notes:
            self._note(record)
        reason = filters.reason_to_skip(record)
        if reason is not None:
            self.skipped[reason] += 1
            if self.names is not None:
                self.names.count(reason, record.comment)
            return
        self.comments.append(record.comment)
        comment = record.comment
        self.characters += sum(map(len, (comment.text, comment.id, comment.subreddit or "", comment.author or "")))

    def _note(self, record: Parsed) -> None:
        for kind, example in record.notes:
            before = self.notes.get(kind, Note(n=0))
            known = example if before.example is None else before.example
            self.notes[kind] = Note(n=before.n + 1, example=known)

    @property
    def cut(self) -> Cut:
        return Cut(skipped=dict(self.skipped), dead=self.dead, notes=self.notes)


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
    current, left = RecordRange(first=start, stop=start, names=names), limit
    error: SourceError | None = None
    try:
        for record in records:
            current.take(record, filters)
            if left is not None and len(current.comments) >= left:
                break
            full = len(current.comments) >= comments or current.characters >= MAX_CHARACTERS
            if full or current.records >= MAX_RECORDS or len(current.dead) >= MAX_LETTERS:
                yield current
                left = None if left is None else left - len(current.comments)
                current = RecordRange(first=current.stop, stop=current.stop, names=names)
    except SourceError as raised:
        error = raised
    if current.records:
        yield current
    if error is not None:
        raise error
