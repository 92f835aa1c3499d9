"""The life of runs: which are open, whether somebody works on one, and how one ends before its time."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, delete, exists, or_, select, update

from moodmill.db.core.errors import RunError
from moodmill.db.database.clock import shared_now
from moodmill.db.database.schema import chunk, dead_letter, job_label, note, run, skipped, source
from moodmill.db.database.store import Store

#: After so long without a heartbeat the process that works on a run, or on a job, counts as gone.
LEASE: Final = timedelta(minutes=2)
#: Of a run whose process said that it leaves it unfinished: older than any lease.
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Whether something of a run is left to do.
IS_LEFT: Final = or_(
    run.c.input_closed_at.is_(None), exists().where(chunk.c.run_id == run.c.id, chunk.c.state != "done")
)


def send_run_heartbeat(store: Store, run_id: str) -> None:
    """Note that a process which feeds a run, or waits for its workers, lives."""
    with store.writing() as connection:
        connection.execute(update(run).where(run.c.id == run_id).values(alive_at=shared_now(connection)))


def leave_run(store: Store, run_id: str, *, interrupted: bool) -> None:
    """Note that this process works on a run no more: it was interrupted, or has done its part."""
    with store.writing() as connection:
        left = update(run).where(run.c.id == run_id)
        connection.execute(left.values(alive_at=_LONG_AGO if interrupted else None))


def is_fresh(alive_at: datetime | None, now: datetime) -> bool:
    """Tell whether a heartbeat was sent lately. One that is far ahead is of before the clock went back."""
    return alive_at is not None and now - LEASE <= alive_at <= now + LEASE


def open_runs(store: Store) -> list[str]:
    """Return the ids of the runs that are not finished, the newest first."""
    with store.reading() as connection:
        return list(connection.scalars(select(run.c.id).where(IS_LEFT).order_by(run.c.created_at.desc(), run.c.id)))


def cancel_run(store: Store, run_id: str) -> int:
    """End a run where it is; return how many comments are not classified for that. Its rows stay, and its sum adds up.

    A process that feeds it reads no further than its next chunk, which is refused. Raises RunError where there is no
    such run, or it is finished.
    """
    with store.writing() as connection:
        _require(connection, run_id)
        if not connection.scalar(select(run.c.id).where(run.c.id == run_id, IS_LEFT)):
            cancelled = connection.scalar(select(run.c.cancelled_at).where(run.c.id == run_id))
            state = "finished" if cancelled is None else "cancelled already"
            raise RunError(f"run {run_id} is {state}: there is nothing to cancel")
        waiting = select(chunk.c.comments).where(chunk.c.run_id == run_id, chunk.c.state != "done")
        comments = sum(connection.scalars(waiting))
        now = datetime.now(UTC)
        connection.execute(update(run).where(run.c.id == run_id).values(cancelled_at=now))
        settle(connection, run_id, "cancelled", now)
    return int(comments)


def delete_run(store: Store, run_id: str) -> None:
    """Delete what the ledger knows of a run, its dead letters included. Rows of its comments stay in the store.

    Raises RunError where there is no such run, it is not finished, or a job knows by it what it has labelled.
    """
    with store.writing() as connection:
        _require(connection, run_id)
        if connection.scalar(select(run.c.id).where(run.c.id == run_id, IS_LEFT)):
            raise RunError(f"run {run_id} is not finished: `moodmill run cancel {run_id}` first, or resume it")
        job = connection.scalar(select(job_label.c.job).where(job_label.c.run_id == run_id))
        if job is not None:
            raise RunError(
                f"run {run_id} is of the job {job}, which would label its files again without it: it has to stay"
            )
        for table in (skipped, note, dead_letter, chunk, source):
            connection.execute(delete(table).where(table.c.run_id == run_id))
        connection.execute(delete(run).where(run.c.id == run_id))


def settle(connection: Connection, run_id: str, reason: str, now: datetime) -> None:
    """End a run where it is: comments that were not classified are no part of it any more, and its sum adds up."""
    left = (chunk.c.run_id == run_id) & (chunk.c.state != "done")
    in_replay = dead_letter.c.replay_chunk.in_(select(chunk.c.number).where(left))
    connection.execute(update(dead_letter).where(dead_letter.c.run_id == run_id, in_replay).values(replay_chunk=None))
    # A message of it that comes late finds it done.
    known = case((chunk.c.replay, chunk.c.records), else_=chunk.c.records - chunk.c.comments)
    connection.execute(update(chunk).where(left).values(state="done", records=known, comments=0, error=None))
    ended = update(run).where(run.c.id == run_id)
    connection.execute(ended.where(run.c.input_closed_at.is_(None)).values(input_closed_at=now))
    connection.execute(ended.values(alive_at=None))
    unsaid = (source.c.run_id == run_id) & source.c.error.is_(None)
    connection.execute(update(source).where(unsaid).values(error=reason))


def _require(connection: Connection, run_id: str) -> None:
    if connection.scalar(select(run.c.id).where(run.c.id == run_id)) is None:
        raise RunError(f"no run {run_id!r} in the store: `moodmill run list` shows the runs")
