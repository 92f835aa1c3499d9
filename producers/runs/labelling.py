"""The main job: label sources, resume a run, replay dead letters, on this machine alone or with a fleet of workers."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.errors import RunError, StoreAwayError
from moodmill.db.core.retry import with_retries
from moodmill.db.core.settings import StoreSettings, read_settings
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Owner
from moodmill.db.ledger.jobs import JobLedger
from moodmill.db.ledger.ledger import Ledger, count_done
from moodmill.db.ledger.letters import ListedLetter
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.replay import open_replay
from moodmill.producers.runs.run import Feeder, OnProgress
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.sources import Place
from moodmill.producers.sources.spool import forget_spooled, spool
from moodmill.worker.core.settings import NO_METRICS, WorkerSettings
from moodmill.worker.queue.broker import check_broker, requeue
from moodmill.worker.queue.celery_app import use_broker
from moodmill.worker.queue.embedded import embedded_broker
from moodmill.worker.runtime.supervisor import local_worker
from moodmill.worker.telemetry.logs import about

#: Raises when a part of ours that a run needs is gone for good; brings back what can be.
Check = Callable[[], None]
#: Starts the worker of a run with these options, or none where others work.
StartWorker = Callable[[Store, RunOptions], Check]
#: What stands for standard input among the sources.
STDIN: Final = Path("-")


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where the chunks go. With no broker named: an embedded one and a worker, for this run."""

    #: Start a worker for this run although a broker is named, which others may work for too.
    with_worker: bool = False
    #: Wait for the workers, or leave once everything is in the queue.
    wait: bool = True

    @property
    def starts_worker(self) -> bool:
        return self.with_worker or read_settings(WorkerSettings).redis_url is None

    @contextmanager
    def open(self) -> Iterator[StartWorker]:
        """Reach the broker; yield what starts the worker of a run, where it is ours to start. Raises BrokerError."""
        with ExitStack() as stack:
            named = read_settings(WorkerSettings).redis_url
            embedded = None if named else stack.enter_context(embedded_broker())
            url = embedded.url if embedded else str(named)
            use_broker(url)
            check_broker()

            def start(store: Store, options: RunOptions) -> Check:
                if not self.starts_worker:
                    return lambda: None
                environment = {
                    "REDIS_URL": url,
                    "DATABASE_URL": read_settings(StoreSettings).database_url,
                    "HF_MODEL_REPO": options.model_repo,
                    "HF_MODEL_REVISION": options.model_revision or "",
                    "MOODMILL_LABELS": options.model_labels or "",
                    "MOODMILL_METRICS": NO_METRICS,  # the address is ours, and two cannot share it
                }
                # Chunks that a killed worker took stay hidden in a broker that others use: let it finish or give them
                # back. An embedded one ends with the run, and whether that is done is in the ledger.
                worker = stack.enter_context(
                    local_worker(
                        environment,
                        patient=embedded is None,
                        count_done=lambda: count_done(store),
                        on_death=requeue if embedded else lambda: None,
                    )
                )

                def check() -> None:
                    if embedded:
                        embedded.check()
                    worker.check()

                return check

            yield start


def label(
    store: Store,
    sources: Sequence[Path | Place],
    options: RunOptions,
    runtime: Runtime,
    on_run: Callable[[str], None],
    on_progress: OnProgress,
    owner: Owner | None = None,
    *,
    again: bool = False,
) -> RunStatus:
    """Label sources: a new run, from its first record to its last row. `on_run` is told its id as soon as it has one.

    `owner` is the job that it is for, if it is for one. Without one, files that a job has labelled under the same
    options are passed over, unless they are to be labelled `again`.

    Raises a MoodmillError when it cannot begin or go on; what was done by then stays done, and `resume` does the rest.
    """
    settings = read_settings(ProducerSettings)
    with runtime.open() as start_worker:
        spooled = spool(sys.stdin.buffer, settings.moodmill_spool) if STDIN in sources else None
        try:
            # What is piped in is meant, and its file is nobody else's.
            known = {} if again or owner or spooled else _labelled_by_jobs(store, options)
            given = [spooled if spooled and source == STDIN else source for source in sources]
            run_id = open_run(store, given, options, owner, known)
        except BaseException:
            if spooled:
                forget_spooled(spooled)
            raise
        on_run(run_id)
        return _drive(store, run_id, runtime, start_worker(store, options), on_progress, Feeder.feed)


def _labelled_by_jobs(store: Store, options: RunOptions) -> dict[str, str]:
    """Return why files need not be labelled, by their fingerprints."""
    jobs = JobLedger(store).labelled_by_jobs(lambda kept: RunOptions.from_json(kept).labels_as(options))
    return {mark: f"labelled by the job {job} already, and once more with --again" for mark, job in jobs.items()}


def resume(
    store: Store, run_id: str, runtime: Runtime, on_progress: OnProgress, max_dead: float | None = None
) -> RunStatus:
    """Finish a run: send what is not done again, read what is not read yet. Raises as `label`.

    `max_dead` is the share of a source's records that may be dead, instead of what the run began with.
    """
    found = status(store, run_id)
    if found.finished and not found.source_errors:  # what could not be read once is tried again
        _forget_spooled_of(store, run_id)
        return found

    def finish(feeder: Feeder) -> None:
        feeder.recover()
        feeder.feed()

    with runtime.open() as start_worker:
        check = start_worker(store, _options(store, run_id))
        return _drive(store, run_id, runtime, check, on_progress, finish, max_dead)


def replay(store: Store, letters: Sequence[ListedLetter], runtime: Runtime, on_progress: OnProgress) -> list[RunStatus]:
    """Classify dead letters anew, within the runs they come from; return how these stand afterwards."""
    unfinished = {letter.run for letter in letters if not status(store, letter.run).finished}
    if unfinished:
        raise RunError(f"run {', '.join(sorted(unfinished))} is not finished: `moodmill resume` it, then replay")
    with runtime.open() as start_worker:
        runs = open_replay(store, letters)
        check = start_worker(store, _options(store, runs[0])) if runs else lambda: None
        return [_drive(store, run_id, runtime, check, on_progress, Feeder.recover) for run_id in runs]


def _drive(
    store: Store,
    run_id: str,
    runtime: Runtime,
    check: Check,
    on_progress: OnProgress,
    work: Callable[[Feeder], None],
    max_dead: float | None = None,
) -> RunStatus:
    with about(run=run_id):
        feeder = Feeder(store, run_id, read_settings(ProducerSettings), on_progress, check, max_dead)
        work(feeder)
        if runtime.wait:
            feeder.wait()
            feeder.roll_up()

        def end() -> RunStatus:
            if runtime.wait:
                _forget_spooled_of(store, run_id)
            return status(store, run_id)

        return with_retries(end, StoreAwayError, time.sleep, f"run {run_id}")


def _options(store: Store, run_id: str) -> RunOptions:
    return RunOptions.from_json(Ledger(store).run(run_id).options)


def _forget_spooled_of(store: Store, run_id: str) -> None:
    """Delete what was kept of standard input, once its run will not need it again."""
    spool_folder = read_settings(ProducerSettings).moodmill_spool.resolve()
    if status(store, run_id).succeeded:
        for file in Ledger(store).run(run_id).sources:
            spooled = Place.from_kept(file.path, file.name).path
            if spool_folder in spooled.parents:
                forget_spooled(spooled)
