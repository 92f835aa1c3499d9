"""Celery beat for the schedule's jobs: `celery -A moodmill.producers.schedule.beat beat`.

Beat finds which job is due, and runs it in a thread of its own process: a run may take a night, and the workers are to
take chunks. When a job was begun last is in the store, not in a file and not in the broker: so beat catches up on what
was missed, wherever it starts again.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

from celery.beat import ScheduleEntry, Scheduler

from moodmill.db.core.errors import BrokerError, MoodmillError, StoreError
from moodmill.db.core.retry import with_retries
from moodmill.db.core.settings import StoreSettings, read_settings
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import prepare_store
from moodmill.db.ledger.jobs import JobLedger, JobRun
from moodmill.db.ledger.runs import LEASE
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.runs.waiter import Progress
from moodmill.producers.schedule.gauges import OverviewCollector
from moodmill.producers.schedule.job_runner import StoppedError, ending_told, run_job
from moodmill.producers.schedule.jobs import Job, find_job, read_jobs
from moodmill.producers.schedule.rollup_timer import rollup_timer
from moodmill.producers.schedule.status import StatusCollector
from moodmill.worker.core.address import LOCAL_REDIS
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import configured_app
from moodmill.worker.runtime.supervisor import UNAVAILABLE_STATUS, UNUSABLE_STATUS
from moodmill.worker.telemetry.exposition import exposed
from moodmill.worker.telemetry.logs import last_word, set_subject
from moodmill.worker.telemetry.tracing import traced

logger = logging.getLogger(__name__)

#: A job whose last time was broken off is due at once: as if it had not been begun for so long.
LONG_AGO: Final = timedelta(days=5 * 365)
#: Seconds that jobs get to stop where they are. One that waits for a server meanwhile is broken off.
STOP_S: Final = 20.0
#: Seconds between two looks at what is due, at most: some of them in the time that a heartbeat is good for.
LOOK_S: Final = 4.0

#: A time that is further ahead comes of a clock that was wrong. One that is less may be of before the clock went
#: back: what was run by then is not run again.
MOST_AHEAD: Final = timedelta(days=1)


def __getattr__(name: str) -> Any:
    """Return Celery's application, configured for beat, when Celery asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    app = configured_app()
    app.conf.beat_scheduler = f"{__name__}:JobScheduler"
    app.conf.include = ()  # the workers' task, which needs torch
    app.conf.beat_max_loop_interval = LOOK_S
    return app


class JobScheduler(Scheduler):  # type: ignore[misc]
    """Beat's schedule: out of the file of jobs, and out of the store what was done of it."""

    #: Nothing is sent: no broker is asked.
    producer = None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        #: What runs as long as the process does: metrics, traces.
        self._life = ExitStack()
        self._name: Final = f"{socket.gethostname()}:{os.getpid()}"
        self._settings: Final = read_settings(WorkerSettings)
        self._broker: Final = Broker(self._settings.redis_url or LOCAL_REDIS)
        super().__init__(*arguments, **named)

    def setup_schedule(self) -> None:
        """Put an entry for each job; one whose time has passed since it was begun last is due at once.

        Ends the process where the jobs or the store cannot be used.
        """
        try:
            producer = read_settings(ProducerSettings)
            jobs = read_jobs(producer.moodmill_jobs)
            store = self._store()
            prepare_store(store, read_settings(StoreSettings).moodmill_lake)
            self._life.enter_context(traced("moodmill-beat"))
            self._life.enter_context(self._shown(jobs))
            self._life.enter_context(rollup_timer(self._store, producer.moodmill_rollup_seconds))
        except MoodmillError as error:
            last_word(str(error), self._settings.moodmill_log)
            raise SystemExit(UNAVAILABLE_STATUS if isinstance(error, StoreError) else UNUSABLE_STATUS) from error
        ledger = JobLedger(store)
        for name, job in jobs.items():
            begun = _begun(ledger.latest(name))
            self.data[name] = ScheduleEntry(
                name=name, task=name, schedule=job.schedule(), last_run_at=begun, app=self.app
            )
        store.close()

    def tick(self, *arguments: Any, **named: Any) -> Any:
        """Begin what is due, and send a heartbeat: what says that the schedule goes on is that it looked."""
        try:
            self._broker.send_heartbeat(self._name, "beat")
        except BrokerError as error:
            logger.debug("missed a heartbeat: %s", error)
        self._disbelieve()
        return super().tick(*arguments, **named)

    def _disbelieve(self) -> None:
        """Have no job wait longer than for a day where a clock that was ahead said when it was begun."""
        latest = self.app.now() + MOST_AHEAD
        for entry in self.schedule.values():
            if entry.last_run_at > latest:
                entry.last_run_at = latest
                self._heap = None  # which is made anew

    def apply_async(self, entry: Any, **_: Any) -> None:
        """Run a job, unless it still runs since the last time."""
        name = entry.name
        if name in self._threads and self._threads[name].is_alive():
            logger.warning("job %s: it still runs", name)
            return
        thread = threading.Thread(target=self._run, args=(name,), name=f"job {name}", daemon=True)
        self._threads[name] = thread
        thread.start()

    def close(self) -> None:
        """Have the jobs stop where they are, which is at the next look that they take at their runs."""
        self._stopping.set()
        deadline = time.monotonic() + STOP_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        self._life.close()
        try:
            self._broker.forget(self._name, "beat")
        except BrokerError as error:
            logger.debug("the last heartbeat stays: %s", error)

    def _run(self, name: str) -> None:
        set_subject(job=name)
        store = self._store()
        try:
            job = find_job(read_settings(ProducerSettings).moodmill_jobs, name)
            with ending_told(name, job):
                with_retries(store.prepare, StoreError, self._pause, f"job {name}")
                runtime = Runtime.from_settings()
                if run_job(store, name, job, runtime, self._go_on).busy:
                    # Its process may be gone, which shows only after a while.
                    self._pause(LEASE.total_seconds())
                    run_job(store, name, job, runtime, self._go_on)
        except MoodmillError as error:
            logger.error("job %s: %s", name, error)  # noqa: TRY400 - it is one that people can mend
        except Exception:
            logger.exception("job %s: internal error; please report it, with this traceback", name)
        finally:
            store.close()

    def _store(self) -> Store:
        return Store(read_settings(StoreSettings).database_url, self._settings.moodmill_stall_seconds)

    @contextmanager
    def _shown(self, jobs: Mapping[str, Job]) -> Iterator[None]:
        """Show metrics of this process, and of store and broker, as long as the context lasts. Raises SettingError."""
        store, broker = self._store(), self._broker if self._settings.redis_url else None
        collector = StatusCollector(store, jobs, broker=broker, with_runs=False)
        with closing(store), exposed(self._settings.moodmill_metrics, OverviewCollector(collector)):
            yield

    def _go_on(self, _: Progress | None = None) -> None:
        if self._stopping.is_set():
            raise StoppedError("stopped: the next start goes on with it")

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)
        self._go_on()


def _begun(last: JobRun | None) -> datetime | None:
    """Return from when on a job's times count as missed; None is now."""
    if last is None:
        return None
    return last.started_at if last.state in ("succeeded", "failed") else last.started_at - LONG_AGO
