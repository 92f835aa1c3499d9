"""What a source yields: each of its records, parsed or bad, in an order that a second reading repeats."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec

from moodmill.db.core.comment import Comment

if TYPE_CHECKING:
    from moodmill.producers.sources.layout import Layout


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A record that holds a comment. What is known of its removal decides whether filters let it pass.

    A Struct, for one is made of each record: a frozen dataclass takes several times as long to be made.
    """

    comment: Comment
    #: "deleted" (by its author), "removed" (by a moderator) or "unavailable" when the text itself is gone.
    gone: str | None = None
    #: The text is here, but the dump says that it was deleted or removed after it was archived.
    deleted_later: bool = False
    #: What a summary counts beside the outcome: its kind, and an example where one helps.
    notes: tuple[tuple[str, str | None], ...] = ()

    @property
    def position(self) -> int:
        return self.comment.position


@dataclass(frozen=True, kw_only=True, slots=True)
class Bad:
    """A record that holds no comment we can read: it becomes a dead letter."""

    position: int
    #: One line: what was expected and what came.
    error: str
    #: What is kept of the record (moodmill.db.core.payload), without NUL or lone surrogates.
    payload: str


Record = Parsed | Bad


class Source(Protocol):
    """A file of records that can be read any number of times, from any record on, with the same outcome."""

    #: What result rows call it: the file's name.
    name: str

    def inspect(self) -> "Layout":
        """Return how the source is read: as its run found it, or as is found now.

        Raises SourceError if this is clearly no such source: empty, of another format, without the needed columns.
        """

    def records(self, start: int = 0) -> Iterator[Record]:
        """Yield the records whose position is at least `start`, in order, in flat memory.

        Raises SourceError when the rest cannot be read (a truncated file); what was yielded before is good.
        """

    def share_read(self) -> float:
        """How much of the file the latest `records` has consumed, from 0 to 1."""

    def parse(self, payload: str, position: int) -> Record:
        """Parse the payload of a Bad once more, for the replay of dead letters."""
