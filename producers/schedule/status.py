"""How everything stands, as store and broker know it: for Prometheus and for `moodmill run watch`.

Each of the two is asked in a thread of its own: one that hangs costs whoever looks some seconds, and not the answer of
the other.
"""

import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from moodmill.db.analytics.backlog import Backlog, RunPace, backlog, runs_under_way
from moodmill.db.core.errors import BrokerError, MoodmillError, StoreError
from moodmill.db.core.question import Question
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import ENDED, JobLedger, JobRun
from moodmill.producers.schedule.jobs import Job
from moodmill.worker.queue.broker import Broker, QueueStatistics

#: Seconds that an answer is waited for.
TIMEOUT_S: Final = 5.0

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class JobStanding:
    """How a job of the schedule stands."""

    #: When it is due next.
    due: datetime
    #: Seconds since it was due, where it has neither succeeded since nor is at work; else 0.
    overdue_s: float
    #: The last time that it was begun, that it ended, and that it succeeded.
    begun: JobRun | None
    ended: JobRun | None
    succeeded: JobRun | None


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the store says."""

    backlog: Backlog
    runs: tuple[RunPace, ...]
    jobs: Mapping[str, JobStanding]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """What store and broker say. In the place of what one cannot say is why; None of a broker that nobody named."""

    at: datetime
    store: Stored | MoodmillError
    broker: QueueStatistics | MoodmillError | None


class StatusCollector:
    """Looks at a store, and at the broker. Thread-safe."""

    def __init__(
        self,
        store: Store,
        jobs: Mapping[str, Job],
        *,
        broker: Broker | None,
        with_runs: bool,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`broker` is None where nobody named one.

        `with_runs` asks for the runs under way too, which are not cheap to add up where they are long.
        """
        self._store = store
        self._jobs = jobs
        self._with_runs = with_runs
        self._patience_s = timeout_s
        self._since = datetime.now(UTC)
        self._prepared = False
        self._of_store = Question(self._ask_store)
        self._broker_shown = "" if broker is None else broker.shown
        self._of_broker = Question[QueueStatistics | None](lambda: None if broker is None else broker.statistics())

    def look(self) -> Overview:
        """Ask both at once."""
        stored = self._of_store.ask()
        held = self._of_broker.ask()
        deadline = time.monotonic() + self._patience_s
        no_store, no_broker = self._silent(StoreError, self._store.shown), self._silent(BrokerError, self._broker_shown)
        store = _answer(stored, deadline, no_store)
        broker = _answer(held, deadline, no_broker)
        return Overview(at=datetime.now(UTC), store=store, broker=broker)

    def _silent(self, kind: type[MoodmillError], server: str) -> MoodmillError:
        return kind(f"no answer within {self._patience_s:g} s from {server}")

    def _ask_store(self) -> Stored:
        if not self._prepared:
            self._store.require()
            self._store.prepare()
            self._prepared = True
        now = datetime.now(UTC)
        ledger = JobLedger(self._store)
        return Stored(
            backlog=backlog(self._store),
            runs=tuple(runs_under_way(self._store, now)) if self._with_runs else (),
            jobs={name: self._standing(ledger, name, job, now) for name, job in self._jobs.items()},
        )

    def _standing(self, ledger: JobLedger, name: str, job: Job, now: datetime) -> JobStanding:
        succeeded = ledger.latest(name, ["succeeded"])
        since = succeeded.ended_at or succeeded.started_at if succeeded else self._since
        begun = ledger.latest(name)
        is_at_work = begun is not None and begun.is_at_work
        return JobStanding(
            due=job.due_after(now),
            overdue_s=0.0 if is_at_work else max(0.0, (now - job.due_after(since)).total_seconds()),
            begun=begun,
            ended=ledger.latest(name, ENDED),
            succeeded=succeeded,
        )


def _answer(asked: Future[Answer], deadline: float, silent: MoodmillError) -> Answer | MoodmillError:
    try:
        return asked.result(max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return silent
    except MoodmillError as error:
        return error
