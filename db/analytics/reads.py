"""What people ask the store: how a run stands, its dead letters, and which emotions were found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Double, Select, bindparam, case, cast, func, select

from moodmill.db.core.emotions import GROUP_OF, Group
from moodmill.db.core.errors import RunError
from moodmill.db.database.clock import shared_now
from moodmill.db.database.schema import chunk, comment_emotion, dead_letter, model_threshold, note, run, skipped, source
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Note
from moodmill.db.ledger.runs import is_fresh
from moodmill.db.ledger.written import read_layout, read_written_names
from moodmill.db.results.models import is_above
from moodmill.db.results.row_reader import row_reader

# What a run's status takes is built once: it is asked for again and again while a run goes on.
_RUN: Final = select(run).where(run.c.id == bindparam("run"))
_SOURCES: Final = (
    select(source.c.name, source.c.error, source.c.layout)
    .where(source.c.run_id == bindparam("run"))
    .order_by(source.c.number)
)
_SKIPPED: Final = (
    select(skipped.c.reason, func.sum(skipped.c.n))
    .where(skipped.c.run_id == bindparam("run"))
    .group_by(skipped.c.reason)
)
_IN_RUN: Final = chunk.c.run_id == bindparam("run")
_CHUNKS: Final = select(
    func.coalesce(func.sum(chunk.c.records), 0).label("read"),
    func.coalesce(func.sum(chunk.c.classified), 0).label("classified"),
    func.coalesce(func.sum(chunk.c.new_rows), 0).label("new_rows"),
    func.count().label("chunks"),
    func.coalesce(func.sum(case((chunk.c.state == "pending", 1), else_=0)), 0).label("pending_chunks"),
    func.coalesce(func.sum(case((chunk.c.state == "failed", 1), else_=0)), 0).label("failed_chunks"),
    func.coalesce(func.sum(case((chunk.c.state != "done", chunk.c.comments), else_=0)), 0).label("waiting"),
).where(_IN_RUN)
_FAILURE: Final = select(chunk.c.error).where(_IN_RUN, chunk.c.state == "failed").order_by(chunk.c.number).limit(1)
_NOTED: Final = note.c.run_id == bindparam("run")
_NOTES: Final = (
    select(note.c.kind, func.sum(note.c.n), func.min(case((note.c.example.is_not(None), note.c.chunk_number))))
    .where(_NOTED)
    .group_by(note.c.kind)
    .order_by(note.c.kind)
)
_EXAMPLE: Final = select(note.c.example).where(
    _NOTED, note.c.kind == bindparam("kind"), note.c.chunk_number == bindparam("chunk")
)
# A letter in replay is counted with the chunk that replays it.
_DEAD: Final = select(func.count()).where(
    dead_letter.c.run_id == bindparam("run"), dead_letter.c.replay_chunk.is_(None)
)


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """A run in numbers. Every record read is classified, skipped, dead, or in a chunk that is not done."""

    id: str
    created_at: datetime
    input_closed: bool
    sources: tuple[str, ...]
    #: What is wrong with a source, by its name.
    source_errors: Mapping[str, str]
    read: int
    classified: int
    #: Of the classified, those whose row was not in the store before.
    new_rows: int
    skipped: Mapping[str, int]
    dead: int
    chunks: int
    pending_chunks: int
    failed_chunks: int
    #: Comments in chunks that are pending or failed.
    waiting: int
    #: The first error of a failed chunk.
    failure: str | None
    #: What is said of records, whatever became of them, by kind.
    notes: Mapping[str, Note] = field(default_factory=dict)
    #: Files that folders held and that were passed over: their names by reason.
    passed_over: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: How sources are read, by their names, as far as that is known.
    layouts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: The process that was to read or to wait is gone.
    interrupted: bool = False
    cancelled: bool = False
    #: What classifies its comments, and in which precision; None before the first of its chunks is begun.
    engine: str | None = None

    @property
    def labelled_before(self) -> int:
        """Of the classified, those whose row was in the store: from another run, another file, another record."""
        return self.classified - self.new_rows

    @property
    def adds_up(self) -> bool:
        return self.read == self.classified + sum(self.skipped.values()) + self.dead + self.waiting

    @property
    def finished(self) -> bool:
        """All that can be read was read, and every chunk is done."""
        return self.input_closed and self.pending_chunks == 0 and self.failed_chunks == 0

    @property
    def succeeded(self) -> bool:
        return self.finished and self.adds_up and self.dead == 0 and not self.source_errors

    @property
    def state(self) -> str:
        if self.cancelled:
            return "cancelled"
        if self.interrupted and not self.finished:
            return "interrupted"
        if not self.input_closed:
            return "reading"
        if self.pending_chunks:
            return "classifying"
        if self.failed_chunks:
            return "failed"
        return "done" if self.succeeded else "done with errors"


@dataclass(frozen=True, kw_only=True)
class EmotionShare:
    """How often an emotion was found, over some rows."""

    emotion: str
    group: Group
    #: Rows whose probability is above the model's threshold.
    found: int
    mean: float


def run_ids(store: Store) -> list[str]:
    """Return the ids of all runs, the newest first."""
    with store.reading() as connection:
        return list(connection.scalars(select(run.c.id).order_by(run.c.created_at.desc(), run.c.id)))


def status(store: Store, run_id: str) -> RunStatus:
    """Count a run; raises RunError when there is none of that id."""
    with store.reading() as connection:
        mine = {"run": run_id}
        head = connection.execute(_RUN, mine).one_or_none()
        if head is None:
            raise RunError(f"no run {run_id!r} in the store {store.shown}: `moodmill run list` shows the runs")
        interrupted = head.alive_at is not None and not is_fresh(head.alive_at, shared_now(connection))
        files = connection.execute(_SOURCES, mine).all()
        counted = {reason: int(n) for reason, n in connection.execute(_SKIPPED, mine)}
        chunks = {name: int(n) for name, n in connection.execute(_CHUNKS, mine).one()._mapping.items()}
        notes = _add_up_notes(connection, run_id)
        dead = connection.scalar(_DEAD, mine) or 0
        failure = connection.scalar(_FAILURE, mine)
    return RunStatus(
        id=run_id,
        created_at=head.created_at,
        input_closed=head.input_closed_at is not None,
        sources=tuple(one.name for one in files),
        source_errors={one.name: one.error for one in files if one.error},
        skipped=dict(sorted(counted.items())),
        dead=dead,
        failure=failure,
        interrupted=interrupted,
        cancelled=head.cancelled_at is not None,
        engine=head.engine,
        notes=notes,
        passed_over=read_written_names(head.passed_over),
        layouts={one.name: layout for one in files if (layout := read_layout(one.layout)) is not None},
        **chunks,
    )


def _add_up_notes(connection: Connection, run_id: str) -> dict[str, Note]:
    """Return the notes of a run by kind; the example is that of the first chunk that has one."""
    notes = {}
    for kind, n, number in connection.execute(_NOTES, {"run": run_id}).all():
        of_first = {"run": run_id, "kind": kind, "chunk": number}
        notes[kind] = Note(n=int(n), example=connection.scalar(_EXAMPLE, of_first))
    return notes


def emotion_shares(store: Store, run_id: str) -> list[EmotionShare]:
    """Return how often each emotion stands in the rows of a run's sources, the most frequent first.

    Rows are found by the names of the sources, so rows that an earlier run of the same file stored count too.
    """
    with store.reading() as connection:
        of_run = list(connection.scalars(select(source.c.name).where(source.c.run_id == run_id)))
        thresholds: dict[str, dict[str, float]] = {}
        for row in connection.execute(select(model_threshold)):
            thresholds.setdefault(row.model, {})[row.emotion] = row.threshold
        found: dict[str, int] = dict.fromkeys(GROUP_OF, 0)
        total: dict[str, float] = dict.fromkeys(GROUP_OF, 0.0)
        rows = 0
        for model, limits in thresholds.items():
            sums: list[ColumnElement[Any]] = [func.count().label("rows")]
            for name in GROUP_OF:
                column = comment_emotion.c[name]
                # PostgreSQL would add up singles in a single.
                sums += [func.sum(case((is_above(name, limits[name]), 1), else_=0)).label(f"{name}_found")]
                sums += [func.sum(cast(column, Double)).label(f"{name}_total")]
            of_model = (comment_emotion.c.model == model) & comment_emotion.c.source.in_(of_run)
            query: Select[Any] = select(*sums).where(of_model)
            with row_reader(connection, models={model}) as reader:
                (counted,) = reader.execute(query)
            rows += counted.rows
            for name in GROUP_OF:
                found[name] += int(getattr(counted, f"{name}_found") or 0)
                total[name] += float(getattr(counted, f"{name}_total") or 0)
    shares = [
        EmotionShare(emotion=name, group=GROUP_OF[name], found=found[name], mean=total[name] / max(rows, 1))
        for name in GROUP_OF
    ]
    return sorted(shares, key=lambda share: (-share.found, share.emotion))


def clearest_text(store: Store, run_id: str, emotion: str) -> tuple[str, float] | None:
    """Return the kept text of a run's sources that shows an emotion most clearly, and its probability.

    Texts that the model was not made for are left out.
    """
    if emotion not in GROUP_OF:
        raise ValueError(f"expected one of the 27 emotions, got {emotion!r}")
    rows = comment_emotion.c
    query = select(rows.text, rows[emotion]).where(rows.text.is_not(None), rows.unsupported.is_(None))
    query = query.order_by(rows[emotion].desc(), rows.comment_id).limit(1)
    with store.reading() as connection:
        of_run = list(connection.scalars(select(source.c.name).where(source.c.run_id == run_id)))
        with row_reader(connection) as reader:
            found = reader.execute(query.where(rows.source.in_(of_run)))
    return (found[0][0], float(found[0][1])) if found else None
