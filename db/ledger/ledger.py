"""The ledger: which runs there are, which chunks they were cut into, and what became of each. It is the truth."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, bindparam, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from moodmill.db.core.engine import Engine, Precision
from moodmill.db.core.errors import RunError, StoreError
from moodmill.db.database.schema import chunk, dead_letter, job_label, note, run, skipped, source
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import record_dead_letters
from moodmill.db.ledger.engines import engine_of, fix_engine, unknown_chunk
from moodmill.db.ledger.entries import Chunk, Note, Owner, RecordRange, Run, SourceFile, Waiting
from moodmill.db.ledger.written import read_layout, read_written_names, written_example, written_layout, written_names

#: Processes that began a chunk, of which the ledger keeps the names.
MAX_NAMES: Final = 64

# What is asked for each chunk or at each look is built once: to build a statement takes longer than to execute it.
_IN_RUN: Final = chunk.c.run_id == bindparam("run")
_THIS: Final = _IN_RUN & (chunk.c.number == bindparam("chunk"))
_PENDING: Final = _IN_RUN & (chunk.c.state == "pending")
_RUN: Final = select(run).where(run.c.id == bindparam("run"))
_CANCELLED: Final = select(run.c.cancelled_at).where(run.c.id == bindparam("run"))
_CLOSE_INPUT: Final = update(run).where(run.c.id == bindparam("run"))
_SOURCES: Final = select(source).where(source.c.run_id == bindparam("run")).order_by(source.c.number)
_SET_SOURCE: Final = update(source).where(source.c.run_id == bindparam("run"), source.c.number == bindparam("source"))
_CHUNK: Final = select(chunk).where(_THIS)
_LOCK: Final = select(chunk.c.state, chunk.c.worker).where(_THIS).with_for_update()
_SET_CHUNK: Final = update(chunk).where(_THIS)
_MOVE_CHUNK: Final = _SET_CHUNK.where(chunk.c.state == bindparam("before"))
_OF_SOURCE: Final = (chunk.c.source_number == bindparam("source")) & ~chunk.c.replay
_LAST: Final = select(func.max(chunk.c.number), func.max(case((_OF_SOURCE, chunk.c.stop)))).where(_IN_RUN)
_BEGUN: Final = select(chunk.c.number, chunk.c.worker).where(_PENDING)
_UNFINISHED: Final = select(chunk).where(_IN_RUN, chunk.c.state != "done").order_by(chunk.c.number)
_WAITING: Final = select(
    func.count(), func.coalesce(func.sum(chunk.c.comments), 0), func.coalesce(func.sum(chunk.c.records), 0)
).where(_PENDING)


class Ledger:
    def __init__(self, store: Store) -> None:
        self._store = store

    def create_run(
        self,
        options: Mapping[str, Any],
        sources: Sequence[SourceFile],
        owner: Owner | None = None,
        passed_over: Mapping[str, Sequence[str]] | None = None,
    ) -> str:
        """Open a run over these files and return its id: the day and a few random letters.

        A job's run is its own from the first moment: killed at any, the job finds it again. `passed_over` names, by
        reason, files that lay beside these and are no part of the run.
        """
        now = datetime.now(UTC)
        run_id = f"{now:%Y%m%d}-{secrets.token_hex(3)}"
        with self._store.writing() as connection:
            opened = {
                "id": run_id,
                "created_at": now if owner is None else _after_others(connection, owner.job, now),
                "options": msgspec.json.encode(options).decode(),
                "passed_over": written_names(passed_over or {}),
            }
            connection.execute(insert(run).values(opened))
            files = [{"run_id": run_id, **one.__dict__, "layout": written_layout(one.layout)} for one in sources]
            if files:
                connection.execute(insert(source), files)
            if owner is not None:
                connection.execute(insert(job_label).values(run_id=run_id, **owner.__dict__))
        return run_id

    def run(self, run_id: str) -> Run:
        """Return a run; raises RunError when there is none of that id."""
        with self._store.reading() as connection:
            row = connection.execute(_RUN, {"run": run_id}).one_or_none()
            if row is None:
                raise RunError(
                    f"no run {run_id!r} in the store {self._store.shown}: `moodmill run list` shows the runs"
                )
            files = connection.execute(_SOURCES, {"run": run_id})
            sources = tuple(
                SourceFile(
                    number=one.number,
                    path=one.path,
                    name=one.name,
                    size=one.size,
                    fingerprint=one.fingerprint,
                    ended=one.ended,
                    layout=read_layout(one.layout),
                    error=one.error,
                )
                for one in files
            )
        return Run(
            id=run_id,
            options=msgspec.json.decode(row.options),
            input_closed=row.input_closed_at is not None,
            sources=sources,
            passed_over=read_written_names(row.passed_over),
            engine=None if row.engine is None else Engine.parse(row.engine),
        )

    def engine(self, run_id: str) -> Engine | None:
        """Return the engine that classifies a run; None before its first chunk is begun."""
        with self._store.reading() as connection:
            return engine_of(connection, run_id)

    def add_chunk(
        self, run_id: str, number: int, source_number: int, found: RecordRange, bytes_read: int | None = None
    ) -> None:
        """Write a range of records as a chunk, with skips, notes and dead letters; without comments it is done at once.

        `bytes_read` says up to where the source is in chunks with this one. Nothing happens where the same chunk is
        there already, after a commit whose answer was lost, or because another process feeds this run too. Raises
        RunError where another chunk has its number.
        """
        added = found.as_chunk(number, source_number)
        try:
            with self._adding(run_id, added) as connection:
                _insert_chunk(connection, run_id, added, found.skipped)
                _insert_notes(connection, run_id, number, found.notes)
                record_dead_letters(connection, run_id, source_number, found.dead)
                if bytes_read is not None:
                    mine = {"run": run_id, "source": source_number}
                    connection.execute(_SET_SOURCE, {**mine, "bytes_read": bytes_read})
        except RunError:
            if self._chunk(run_id, number) != added:
                raise

    def add_replay(
        self, run_id: str, added: Chunk, skipped_by: Mapping[str, int], replayed: Sequence[int], passed: Sequence[int]
    ) -> None:
        """Write a chunk that classifies the dead letters `replayed`; the letters `passed` are skips now, and go."""
        mine = dead_letter.c.run_id == run_id
        with self._adding(run_id, added) as connection:
            _insert_chunk(connection, run_id, added, skipped_by)
            mine &= dead_letter.c.replay_chunk.is_(None)
            in_replay = update(dead_letter).where(mine, dead_letter.c.id.in_(replayed))
            taken = connection.execute(in_replay.values(replay_chunk=added.number)).rowcount
            taken += connection.execute(delete(dead_letter).where(mine, dead_letter.c.id.in_(passed))).rowcount
            if taken != len(replayed) + len(passed):
                raise RunError(f"dead letters of run {run_id} are in another replay just now: let it finish")

    @contextmanager
    def _adding(self, run_id: str, added: Chunk) -> Iterator[Connection]:
        try:
            with self._store.writing() as connection:
                if connection.scalar(_CANCELLED, {"run": run_id}) is not None:
                    raise RunError(f"run {run_id} was cancelled")
                yield connection
        except IntegrityError as error:
            raise RunError(
                f"chunk {added.number} of run {run_id} exists: another process is adding to this run; let it finish"
            ) from error

    def _chunk(self, run_id: str, number: int) -> Chunk | None:
        with self._store.reading() as connection:
            row = connection.execute(_CHUNK, {"run": run_id, "chunk": number}).one_or_none()
        return None if row is None else _chunk(row)

    def next_number(self, run_id: str) -> int:
        """Return the number of the chunk to add next."""
        return self.next_chunk(run_id, 0)[0]

    def next_chunk(self, run_id: str, source_number: int) -> tuple[int, int]:
        """Return the number of the chunk to add next, and the position in a source that is in no chunk yet."""
        with self._store.reading() as connection:
            last, stop = connection.execute(_LAST, {"run": run_id, "source": source_number}).one()
        return (0 if last is None else last + 1), stop or 0

    def end_source(self, run_id: str, number: int, error: str | None = None) -> None:
        """Note that a source was read as far as it can be; `error` says why that is not its end."""
        with self._store.writing() as connection:
            ended = {"ended": error is None, "error": error}
            connection.execute(_SET_SOURCE, {"run": run_id, "source": number, **ended})

    def set_layout(self, run_id: str, number: int, layout: Mapping[str, Any] | None) -> None:
        """Note how a source is read, where that is found only after its run began; of values that JSON has."""
        with self._store.writing() as connection:
            connection.execute(_SET_SOURCE, {"run": run_id, "source": number, "layout": written_layout(layout)})

    def close_input(self, run_id: str) -> None:
        """Note that all sources are read: what is in chunks now is the whole run."""
        with self._store.writing() as connection:
            connection.execute(_CLOSE_INPUT, {"run": run_id, "input_closed_at": datetime.now(UTC)})

    def records(self, run_id: str) -> int:
        """Return how many records of the sources are in chunks."""
        with self._store.reading() as connection:
            return int(connection.scalar(select(func.sum(chunk.c.records)).where(chunk.c.run_id == run_id)) or 0)

    def read_of(self, run_id: str, source_number: int) -> tuple[int, int]:
        """Return how many records of a source are in chunks, and how many of these could not be read."""
        mine = (chunk.c.run_id == run_id) & (chunk.c.source_number == source_number)
        letters = (dead_letter.c.run_id == run_id) & (dead_letter.c.source_number == source_number)
        letters &= dead_letter.c.stage == "read"
        with self._store.reading() as connection:
            records = connection.scalar(select(func.sum(chunk.c.records)).where(mine))
            dead = connection.scalar(select(func.count()).select_from(dead_letter).where(letters))
        return int(records or 0), int(dead or 0)

    def comments(self, run_id: str) -> int:
        """Return how many comments are in the chunks of a run."""
        with self._store.reading() as connection:
            return int(connection.scalar(select(func.sum(chunk.c.comments)).where(chunk.c.run_id == run_id)) or 0)

    def add_note(self, run_id: str, kind: str, added: Note) -> None:
        """Note something of a run's records besides, with its last chunk; of one kind once."""
        with self._store.writing() as connection:
            number = connection.scalar(select(func.max(chunk.c.number)).where(chunk.c.run_id == run_id))
            mine = (note.c.run_id == run_id) & (note.c.kind == kind)
            if number is not None and connection.scalar(select(func.count()).where(mine)) == 0:
                _insert_notes(connection, run_id, number, {kind: added})

    def waiting(self, run_id: str) -> Waiting:
        """Count the chunks that wait to be classified; cheap however long the run is."""
        with self._store.reading() as connection:
            chunks, comments, records = connection.execute(_WAITING, {"run": run_id}).one()
        return Waiting(chunks=int(chunks), comments=int(comments), records=int(records))

    def begun(self, run_id: str) -> dict[int, str | None]:
        """Return the number of each chunk that is pending, with the worker that began it last, if one has."""
        with self._store.reading() as connection:
            rows = connection.execute(_BEGUN, {"run": run_id})
            return {row.number: _names(row.worker)[-1] if row.worker else None for row in rows}

    def unfinished(self, run_id: str) -> list[Chunk]:
        """Return the chunks that are pending or failed, by number."""
        with self._store.reading() as connection:
            return [_chunk(row) for row in connection.execute(_UNFINISHED, {"run": run_id})]

    def begin(
        self,
        run_id: str,
        number: int,
        worker: str,
        engine: Engine,
        precision: Precision = "auto",
        model: str | None = None,
    ) -> list[str] | None:
        """Note that a worker process begins a chunk, before it does; None when the chunk is done.

        Returns the other processes that began it, oldest first: a try is a process, however often it gets the message.
        The engine of the first chunk is the run's, to its end; so is the model, where there is no other. Raises
        RunError when there is no such chunk, and OtherEngineError where the run has another engine, or asks for another
        precision.
        """
        with self._store.writing() as connection:
            if not fix_engine(connection, run_id, number, engine, precision, model):
                return None
            state, begun = _lock(connection, run_id, number)
            if state == "done":
                return None
            others = [name for name in _names(begun) if name != worker][-MAX_NAMES:]
            noted = {"worker": " ".join([*others, worker]), "tries": len(others) + 1}
            connection.execute(_SET_CHUNK, {"run": run_id, "chunk": number, **noted})
        return others

    def retry(self, run_id: str, number: int) -> bool:
        """Make a chunk pending again if it failed, as if it had never been tried; return whether it had."""
        with self._store.writing() as connection:
            failed = {"run": run_id, "chunk": number, "before": "failed"}
            anew = {"state": "pending", "added_at": datetime.now(UTC), "error": None, "tries": 0, "worker": None}
            return connection.execute(_MOVE_CHUNK, {**failed, **anew}).rowcount > 0

    def fail(self, run_id: str, number: int, error: str) -> None:
        """Note why a chunk could not be classified; `resume` tries it again."""
        with self._store.writing() as connection:
            pending = {"run": run_id, "chunk": number, "before": "pending"}
            connection.execute(_MOVE_CHUNK, {**pending, "state": "failed", "error": error})


def count_done(store: Store) -> int:
    """Return how many chunks of all runs are done; 0 while the store cannot be reached."""
    try:
        with store.reading() as connection:
            return int(connection.scalar(select(func.count()).where(chunk.c.state == "done")) or 0)
    except StoreError:
        return 0


def _after_others(connection: Connection, job: str, now: datetime) -> datetime:
    """Return the moment of a job's new run: after its others, though the clock went back since. It has an order."""
    latest = connection.scalar(select(func.max(run.c.created_at)).join(job_label).where(job_label.c.job == job))
    return now if latest is None else max(now, latest + timedelta(microseconds=1))


def _insert_chunk(connection: Connection, run_id: str, added: Chunk, skipped_by: Mapping[str, int]) -> None:
    state = "pending" if added.comments else "done"
    values = {"run_id": run_id, "state": state, "added_at": datetime.now(UTC), **added.__dict__}
    connection.execute(insert(chunk), values)
    _insert_skips(connection, run_id, added.number, skipped_by)


def _insert_skips(connection: Connection, run_id: str, number: int, skipped_by: Mapping[str, int]) -> None:
    key = {"run_id": run_id, "chunk_number": number}
    rows = [{**key, "reason": reason, "n": n} for reason, n in skipped_by.items() if n]
    if rows:
        connection.execute(insert(skipped), rows)


def add_skips(connection: Connection, run_id: str, reason: str, n: int) -> None:
    """Count records of a run as skipped that were something else before, with its last chunk."""
    number = connection.scalar(select(func.max(chunk.c.number)).where(chunk.c.run_id == run_id))
    mine = (skipped.c.run_id == run_id) & (skipped.c.chunk_number == number) & (skipped.c.reason == reason)
    if connection.execute(update(skipped).where(mine).values(n=skipped.c.n + n)).rowcount == 0:
        _insert_skips(connection, run_id, number or 0, {reason: n})


def _insert_notes(connection: Connection, run_id: str, number: int, notes: Mapping[str, Note]) -> None:
    key = {"run_id": run_id, "chunk_number": number}
    rows = [
        {**key, "kind": kind, "n": one.n, "example": written_example(one.example)}
        for kind, one in notes.items()
        if one.n
    ]
    if rows:
        connection.execute(insert(note), rows)


def is_done(connection: Connection, run_id: str, number: int) -> bool:
    """Lock a chunk for this transaction and tell whether it is done. Raises RunError when there is no such chunk."""
    state, _ = _lock(connection, run_id, number)
    return state == "done"


def _lock(connection: Connection, run_id: str, number: int) -> tuple[str, str | None]:
    """Lock a chunk; return its state, and which processes began it."""
    found = connection.execute(_LOCK, {"run": run_id, "chunk": number}).one_or_none()
    if found is None:
        raise unknown_chunk(run_id, number)
    state, worker = found
    return state, worker


def finish(
    connection: Connection,
    run_id: str,
    number: int,
    *,
    classified: int,
    new_rows: int,
    skipped_by: Mapping[str, int],
    notes: Mapping[str, Note],
) -> None:
    """Mark a chunk done, in the transaction that writes its results, with the skips and notes of the writing."""
    _insert_skips(connection, run_id, number, skipped_by)
    _insert_notes(connection, run_id, number, notes)
    done = {"state": "done", "done_at": datetime.now(UTC), "error": None}
    counted = {"classified": classified, "new_rows": new_rows}
    connection.execute(_SET_CHUNK, {"run": run_id, "chunk": number, **done, **counted})


def _names(begun: str | None) -> list[str]:
    return begun.split() if begun else []


def _chunk(row: Row[Any]) -> Chunk:
    return Chunk(
        number=row.number,
        source_number=row.source_number,
        first=row.first,
        stop=row.stop,
        records=row.records,
        comments=row.comments,
        replay=row.replay,
    )
