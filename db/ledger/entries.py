"""The entries of the ledger, as values: runs with their sources, chunks, what came of records, and dead letters."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from moodmill.db.core.comment import Comment
from moodmill.db.core.engine import Engine

Stage = Literal["read", "classify"]


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file of a run, as it was when the run began."""

    number: int
    path: str
    name: str
    #: Bytes.
    size: int
    fingerprint: str
    #: Whether all its records are in chunks.
    ended: bool = False
    #: How it is read, as that was found: values that JSON has. None where nothing was.
    layout: Mapping[str, Any] | None = None
    #: Why it could not be opened, or read to its end.
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The job of the schedule that a run is for."""

    job: str
    #: Of a run over new rows of a table: the last of them, as JSON.
    watermark: str | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A record that could not be classified, with the reason and enough to try again."""

    position: int
    stage: Stage
    error: str
    payload: str


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The records [first, stop) of a source: `records` of them, of which `comments` are to be classified."""

    number: int
    source_number: int
    first: int
    stop: int
    records: int
    comments: int
    replay: bool = False


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that is said of `n` records without changing what becomes of them, and one of them as an example."""

    n: int
    example: str | None = None


@dataclass(kw_only=True)
class RecordRange:
    """The records [first, stop) of a source, sorted out: comments that are to be classified, and what else is there."""

    first: int
    stop: int
    records: int = 0
    comments: list[Comment] = field(default_factory=list)
    #: Records by the reason that they are passed over for.
    skipped: Counter[str] = field(default_factory=Counter)
    dead: list[DeadLetter] = field(default_factory=list)
    #: By kind.
    notes: dict[str, Note] = field(default_factory=dict)

    def as_chunk(self, number: int, source_number: int) -> Chunk:
        """Return what the ledger keeps of the range itself."""
        return Chunk(
            number=number,
            source_number=source_number,
            first=self.first,
            stop=self.stop,
            records=self.records,
            comments=len(self.comments),
        )


@dataclass(frozen=True, kw_only=True)
class Run:
    id: str
    options: dict[str, Any]
    input_closed: bool
    sources: tuple[SourceFile, ...]
    #: Files that folders held and that were passed over: their names by reason.
    passed_over: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: What classifies its comments; None before the first of its chunks is begun.
    engine: Engine | None = None


class Waiting(NamedTuple):
    """What of a run is pending."""

    chunks: int
    comments: int
    #: Records of these chunks, whatever became of them.
    records: int
