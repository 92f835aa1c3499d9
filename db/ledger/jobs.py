"""The ledger of the schedule's jobs: when each ran, what came of it, which runs and files are its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import ColumnElement, Select, Update, delete, func, insert, not_, select, update
from sqlalchemy.exc import IntegrityError

from moodmill.db.database.clock import shared_now
from moodmill.db.database.schema import job_label, job_run, run, source
from moodmill.db.database.store import Store
from moodmill.db.ledger.runs import IS_LEFT, LEASE, settle

State = Literal["running", "succeeded", "failed", "stopped", "lost"]
STATES: Final[tuple[State, ...]] = get_args(State)
ENDED: Final[tuple[State, ...]] = tuple(one for one in STATES if one != "running")

#: Whether a source was read to its end.
_IS_WHOLE: Final = source.c.ended & source.c.error.is_(None)


@dataclass(frozen=True, kw_only=True)
class JobRun:
    """One time that a job was begun."""

    id: int
    job: str
    started_at: datetime
    #: When the process that runs it last said that it lives.
    alive_at: datetime
    ended_at: datetime | None
    state: State
    outcome: str | None
    #: Whether it runs, in a process that lives.
    is_at_work: bool


class JobLedger:
    """Writes and reads what a store knows of jobs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, job: str) -> int | None:
        """Note that a job begins and return the id of this time; None where it is running already, and alive.

        One whose process is gone is noted as lost.
        """
        mine = (job_run.c.job == job) & (job_run.c.state == "running")
        begun = insert(job_run).values(job=job, started_at=_now(), state="running")
        ended = {"state": "lost", "ended_at": _now(), "outcome": "its process ended in the middle"}
        try:
            with self._store.writing() as connection:
                now = shared_now(connection)
                connection.execute(update(job_run).where(mine, not_(_is_alive(now))).values(ended))
                return int(connection.execute(begun.values(alive_at=now).returning(job_run.c.id)).scalar_one())
        except IntegrityError:
            return None

    def live(self, number: int) -> None:
        """Note that the process which runs a job lives."""
        with self._store.writing() as connection:
            connection.execute(_running(number).values(alive_at=shared_now(connection)))

    def end(self, number: int, state: State, outcome: str, reported: Sequence[str] = ()) -> None:
        """Note what came of a job, and that this reports these runs."""
        with self._store.writing() as connection:
            connection.execute(_running(number).values(ended_at=_now(), state=state, outcome=outcome))
            connection.execute(update(job_label).where(job_label.c.run_id.in_(reported)).values(reported=True))

    def latest(self, job: str, states: Sequence[State] = STATES) -> JobRun | None:
        """Return the last time that a job was begun; of those that are in one of these states."""
        mine = (job_run.c.job == job) & job_run.c.state.in_(states)
        # By number: a clock that went back since would have an older one be the latest.
        found = self._read(select(job_run).where(mine).order_by(job_run.c.id.desc()).limit(1))
        return found[0] if found else None

    def last(self) -> list[JobRun]:
        """Return the last time that each job was begun, by the names of the jobs."""
        newest = select(func.max(job_run.c.id)).group_by(job_run.c.job)
        return self._read(select(job_run).where(job_run.c.id.in_(newest)).order_by(job_run.c.job))

    def _read(self, query: Select[Any]) -> list[JobRun]:
        with self._store.reading() as connection:
            is_alive = _is_alive(shared_now(connection)).label("is_alive")
            rows = connection.execute(query.add_columns(is_alive)).all()
        return [
            JobRun(
                id=row.id,
                job=row.job,
                started_at=row.started_at,
                alive_at=row.alive_at,
                ended_at=row.ended_at,
                state=row.state,
                outcome=row.outcome,
                is_at_work=row.state == "running" and row.is_alive,
            )
            for row in rows
        ]

    def give_up(self, run_id: str, reason: str) -> None:
        """End a run that cannot be finished, and make it no job's any more. Its sources have the reason.

        Its rows of a table are new again, and those of the job's later runs too: none below a watermark is left out.
        """
        given_up = select(job_label.c.job, run.c.created_at).join(run).where(run.c.id == run_id)
        with self._store.writing() as connection:
            job, created_at = connection.execute(given_up).one()
            settle(connection, run_id, f"given up: {reason}", _now())
            later = job_label.c.run_id.in_(select(run.c.id).where(run.c.created_at >= created_at))
            connection.execute(update(job_label).where(job_label.c.job == job, later).values(watermark=None))
            connection.execute(delete(job_label).where(job_label.c.run_id == run_id))

    def watermark(self, job: str) -> str | None:
        """Return the watermark of the job's latest run that has one."""
        mark = job_label.c.watermark
        marks = select(mark).join(run).where(job_label.c.job == job, mark.is_not(None))
        with self._store.reading() as connection:
            return connection.scalar(marks.order_by(run.c.created_at.desc(), run.c.id).limit(1))

    def unfinished(self, job: str) -> list[str]:
        """Return the ids of a job's runs that were broken off, the oldest first: not all is read, or not all done."""
        return self._runs(job_label.c.job == job, IS_LEFT)

    def unreported(self, job: str) -> list[str]:
        """Return the ids of a job's finished runs that no outcome reports, the oldest first."""
        return self._runs(job_label.c.job == job, ~IS_LEFT, ~job_label.c.reported)

    def _runs(self, *conditions: ColumnElement[bool]) -> list[str]:
        mine = select(run.c.id).join(job_label).where(*conditions).order_by(run.c.created_at)
        with self._store.reading() as connection:
            return list(connection.scalars(mine))

    def labelled(self, job: str, is_alike: Callable[[dict[str, Any]], bool]) -> tuple[set[str], set[str]]:
        """Return fingerprints of files: those labelled, by anyone, under options that are alike; and the job's others.

        Of the job's own runs, what they have tried to read counts too; of others, what they have read and finished.
        """
        mine = job_label.c.job == job
        runs = select(run.c.id, run.c.options, mine.label("mine"), IS_LEFT.label("is_left"))
        files = select(source.c.run_id, source.c.fingerprint, _IS_WHOLE.label("is_whole"))
        known, others = set[str](), set[str]()
        alike: dict[str, bool] = {}
        with self._store.reading() as connection:
            found = {one.id: one for one in connection.execute(runs.join_from(run, job_label, isouter=True))}
            rows = connection.execute(files).all()
            broken = {(file.run_id, _file_of(file.fingerprint)) for file in rows if not file.is_whole}
            for file in rows:
                of = found[file.run_id]
                if of.options not in alike:
                    alike[of.options] = is_alike(msgspec.json.decode(of.options))
                is_done = not of.is_left and (file.run_id, _file_of(file.fingerprint)) not in broken
                if alike[of.options] and (of.mine or is_done):
                    known.add(file.fingerprint)
                elif of.mine:
                    others.add(file.fingerprint)
        return known, others - known

    def labelled_by_jobs(self, is_alike: Callable[[dict[str, Any]], bool]) -> dict[str, str]:
        """Return fingerprints of files that jobs have read and finished under alike options, each with its job."""
        whole = _IS_WHOLE.label("is_whole")
        files = select(run.c.id, run.c.options, source.c.fingerprint, job_label.c.job, whole)
        query = files.select_from(run).join(job_label).join(source)
        alike: dict[str, bool] = {}
        found: dict[str, str] = {}
        with self._store.reading() as connection:
            rows = connection.execute(query.where(~IS_LEFT)).all()
            broken = {(one.id, _file_of(one.fingerprint)) for one in rows if not one.is_whole}
            for one in rows:
                if (one.id, _file_of(one.fingerprint)) in broken:
                    continue
                if one.options not in alike:
                    alike[one.options] = is_alike(msgspec.json.decode(one.options))
                if alike[one.options]:
                    found[one.fingerprint] = one.job
        return found


def _file_of(fingerprint: str) -> str:
    """Return the fingerprint of a file, where this is that of a member of an archive."""
    return fingerprint.partition(":")[0]


def _now() -> datetime:
    """Return what time it is by this machine's clock, by which its schedule goes."""
    return datetime.now(UTC)


def _is_alive(now: datetime) -> ColumnElement[bool]:
    """Whether a job sent a heartbeat lately. One that is far ahead is of before the clock went back."""
    return job_run.c.alive_at.between(now - LEASE, now + LEASE)


def _running(number: int) -> Update:
    return update(job_run).where(job_run.c.id == number, job_run.c.state == "running")
