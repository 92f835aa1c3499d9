"""Celery beat for the schedule's jobs, and the worker that runs them: `celery -A producers.beat worker`.

A job is a task of a queue of its own: a run may take a night, and the workers with a model are to take chunks. When it
was begun last is in the store, so that beat catches up on what was missed, wherever it starts again. Both are one
process, which needs no file to write.
"""

import logging
import sys
import threading
from datetime import datetime, timedelta
from typing import Any, Final

from celery.beat import EmbeddedService, ScheduleEntry, Scheduler
from celery.signals import worker_init, worker_shutdown, worker_shutting_down

from db.errors import MoodmillError, StoreError
from db.jobs import LEASE, JobLedger, JobRun
from db.patience import patiently
from db.settings import StoreSettings, read_settings
from db.store import Store
from producers.jobs import find_job, read_jobs
from producers.nightly import StoppedError, run_job
from producers.options import run_defaults
from producers.run import Progress
from producers.settings import ProducerSettings
from worker.celery_app import make_app
from worker.supervisor import UNAVAILABLE_STATUS, UNUSABLE_STATUS

logger = logging.getLogger(__name__)

QUEUE: Final = "jobs"
TASK: Final = "moodmill.run_job"
#: Jobs that may run at once; more wait.
JOBS_AT_ONCE: Final = 4
#: A job whose last time was broken off is due at once: as if it had not been begun for so long.
LONG_AGO: Final = timedelta(days=5 * 365)

app: Final = make_app(
    "moodmill-jobs",
    QUEUE,
    worker_concurrency=JOBS_AT_ONCE,
    # What is lost with the process is found in the store when it starts again.
    task_acks_late=False,
)

_stopping: Final = threading.Event()
_beat: Any = None


class JobScheduler(Scheduler):  # type: ignore[misc]
    """Beat's schedule, out of the file of jobs, and out of the store what was done of it."""

    def setup_schedule(self) -> None:
        """Put an entry for each job; one whose time has passed since it was begun last is due at once."""
        store = Store(read_settings(StoreSettings).database_url)
        try:
            store.prepare()
            for name, job in read_jobs(read_settings(ProducerSettings).moodmill_jobs).items():
                begun = _begun(JobLedger(store).latest(name))
                self.data[name] = ScheduleEntry(
                    name=name, task=TASK, args=(name,), schedule=job.schedule(), last_run_at=begun, app=self.app
                )
        finally:
            store.close()


def _begun(last: JobRun | None) -> datetime | None:
    """Return from when on a job's times count as missed; None is now."""
    if last is None:
        return None
    return last.started_at if last.state in ("succeeded", "failed") else last.started_at - LONG_AGO


@app.task(name=TASK)  # type: ignore[untyped-decorator]
def run(name: str) -> None:
    """Run a job. What comes of it is in the store and in the log."""
    store = Store(read_settings(StoreSettings).database_url)
    try:
        job = find_job(read_settings(ProducerSettings).moodmill_jobs, name)
        patiently(store.prepare, StoreError, _pause, f"job {name}")
        if run_job(store, name, job, run_defaults(), _go_on).busy:
            # Its process may be gone, which shows only after a while.
            _pause(LEASE.total_seconds())
            run_job(store, name, job, run_defaults(), _go_on)
    except MoodmillError as error:
        logger.error("job %s: %s", name, error)  # noqa: TRY400 - it is one that people can mend
    except Exception:
        raise
    except BaseException as error:
        # Celery's threads pool would lose one of its places for good.
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    finally:
        store.close()


def _go_on(_: Progress | None = None) -> None:
    if _stopping.is_set():
        raise StoppedError("told to stop: the next start goes on with it")


def _pause(seconds: float) -> None:
    _stopping.wait(seconds)
    _go_on()


@worker_init.connect  # type: ignore[untyped-decorator]
def start(**_: Any) -> None:
    """Start beat beside the worker; end the process where the jobs or the store cannot be used."""
    global _beat
    try:
        JobScheduler(app=app)
    except MoodmillError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)  # noqa: T201 - the process's last word
        raise SystemExit(UNAVAILABLE_STATUS if isinstance(error, StoreError) else UNUSABLE_STATUS) from error
    _beat = EmbeddedService(app, thread=True, scheduler_cls=JobScheduler)
    _beat.start()


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def stop_jobs(**_: Any) -> None:
    """Have the jobs stop where they are, which is at the next look that they take at their runs."""
    _stopping.set()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def stop_beat(**_: Any) -> None:
    if _beat is not None:
        _beat.stop()
