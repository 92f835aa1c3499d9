"""The main job: label sources, resume a run, replay dead letters, on this machine alone or with a fleet of workers.

What reads sources and drives a run is imported once the worker has been started, which takes longer to be ready.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.errors import RunError, StoreAwayError, StoreError
from moodmill.db.core.heartbeat import heartbeat
from moodmill.db.core.retry import with_retries
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import ListedDeadLetter
from moodmill.db.ledger.entries import Owner
from moodmill.db.ledger.jobs import JobLedger
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.ledger.runs import leave_run, send_run_heartbeat
from moodmill.producers.runs.cluster import Cluster, Runtime
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources import Place
from moodmill.worker.core.model_name import check_model_name
from moodmill.worker.telemetry.logs import about

if TYPE_CHECKING:
    from moodmill.producers.runs.run import OpenRun
    from moodmill.producers.runs.waiter import OnProgress

Answer = TypeVar("Answer")

#: What stands for standard input among the sources.
STDIN: Final = Path("-")
#: Seconds between two heartbeats of a process that works on a run.
BEAT_S: Final = 20.0


def label(
    store: Store,
    sources: Sequence[Path | Place],
    options: RunOptions,
    runtime: Runtime,
    on_run: Callable[[str], None],
    on_progress: "OnProgress",
    owner: Owner | None = None,
    *,
    again: bool = False,
) -> RunStatus:
    """Label sources: a new run, from its first record to its last row. `on_run` gets its id as soon as it has one.

    `owner` is the job that it is for, if it is for one. Without one, files that a job has labelled under the same
    options are passed over, unless they are to be labelled `again`.

    Raises a MoodmillError when it cannot begin or go on; what was done by then stays done, and `resume` does the rest.
    """
    if runtime.starts_worker:
        check_model_name(options.model_repo)
        files = [source for source in sources if not isinstance(source, Place) and source != STDIN]
        if options.precision == "int8" and files:
            from moodmill.producers.runs.int8 import make_int8_form

            make_int8_form(runtime.worker, options, files)
    with runtime.open() as cluster:
        cluster.start_worker(store, options)  # it loads its model while the sources are looked into
        cluster.await_broker()
        from moodmill.producers.runs.opening import open_run
        from moodmill.producers.sources.spool import forget_spooled, spool

        spooled = spool(sys.stdin.buffer, runtime.producer.moodmill_spool) if STDIN in sources else None
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
        return _drive(store, run_id, runtime, cluster, on_progress, lambda run: run.feed())


def _labelled_by_jobs(store: Store, options: RunOptions) -> dict[str, str]:
    """Return why files need not be labelled, by their fingerprints."""
    jobs = JobLedger(store).labelled_by_jobs(lambda kept: RunOptions.from_json(kept).labels_as(options))
    return {mark: f"labelled by the job {job} already (--again labels them again)" for mark, job in jobs.items()}


def resume(
    store: Store, run_id: str, runtime: Runtime, on_progress: "OnProgress", max_dead: float | None = None
) -> RunStatus:
    """Finish a run: send what is not done again, read what is not read yet. Raises as `label`.

    `max_dead` is the share of a source's records that may be dead, instead of what the run began with.
    """
    found = status(store, run_id)
    if found.cancelled:
        raise RunError(f"run {run_id} was cancelled: label its sources in a run of its own")
    if found.finished and not found.source_errors:  # what could not be read once is tried again
        _forget_spooled_of(store, run_id, runtime)
        return found

    def finish(run: "OpenRun") -> None:
        run.recover()
        run.feed()

    with runtime.open() as cluster:
        return _drive(store, run_id, runtime, cluster, on_progress, finish, max_dead)


def replay(
    store: Store, letters: Sequence[ListedDeadLetter], runtime: Runtime, on_progress: "OnProgress"
) -> list[RunStatus]:
    """Classify dead letters anew, within the runs they come from; return how these stand afterwards."""
    unfinished = {letter.run for letter in letters if not status(store, letter.run).finished}
    if unfinished:
        raise RunError(f"run {', '.join(sorted(unfinished))} is not finished: `moodmill run resume` it, then replay")
    from moodmill.producers.runs.replay import open_replay

    with runtime.open() as cluster:
        runs = open_replay(store, letters)
        return [_drive(store, run_id, runtime, cluster, on_progress, lambda run: run.recover()) for run_id in runs]


def _drive(
    store: Store,
    run_id: str,
    runtime: Runtime,
    cluster: Cluster,
    on_progress: "OnProgress",
    work: Callable[["OpenRun"], None],
    max_dead: float | None = None,
) -> RunStatus:
    begun = Ledger(store).run(run_id)
    with about(run=run_id), _alive(store, run_id):  # first, for an interrupt may come at any moment
        check = cluster.start_worker(store, RunOptions.from_json(begun.options), begun)
        cluster.await_broker()
        from moodmill.db.analytics.rollups import refresh
        from moodmill.db.lake.upkeep import tend_lake
        from moodmill.producers.runs.interrupts import kept_interrupts
        from moodmill.producers.runs.run import OpenRun

        with kept_interrupts(on_progress) as show:
            run = OpenRun(store, cluster.broker, run_id, runtime.producer, show, check, max_dead)
            work(run)
            if runtime.wait:
                run.wait()
                _stored(lambda: refresh(store), run_id)
                _stored(lambda: tend_lake(store), run_id)
                _stored(lambda: _forget_spooled_of(store, run_id, runtime), run_id)
    return _stored(lambda: status(store, run_id), run_id)


@contextmanager
def _alive(store: Store, run_id: str) -> Iterator[None]:
    """Send heartbeats of this process's work on a run; where that breaks off, note that it is interrupted."""
    try:
        with heartbeat(lambda: send_run_heartbeat(store, run_id), BEAT_S):
            yield
    except BaseException:
        with suppress(StoreError):  # its heartbeats end, which says the same after a while
            leave_run(store, run_id, interrupted=True)
        raise
    _stored(lambda: leave_run(store, run_id, interrupted=False), run_id)


def _stored(attempt: Callable[[], Answer], run_id: str) -> Answer:
    return with_retries(attempt, StoreAwayError, time.sleep, f"run {run_id}")


def _forget_spooled_of(store: Store, run_id: str, runtime: Runtime) -> None:
    """Delete what was kept of standard input, once its run will not need it again."""
    from moodmill.producers.sources.spool import forget_spooled

    spool_folder = runtime.producer.moodmill_spool.resolve()
    if status(store, run_id).succeeded:
        for file in Ledger(store).run(run_id).sources:
            spooled = Place.from_kept(file.path, file.name).path
            if spool_folder in spooled.parents:
                forget_spooled(spooled)
