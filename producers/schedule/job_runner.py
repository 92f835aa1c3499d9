"""Runs a job of the schedule: finishes what was broken off, labels what is new, and reports failures."""

import logging
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final

import msgspec

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.analytics.retention import first_kept, prune, today
from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.errors import MoodmillError, NoSourceError, SourceError
from moodmill.db.core.heartbeat import heartbeat
from moodmill.db.database.store import Store
from moodmill.db.lake.upkeep import tend_lake
from moodmill.db.ledger.entries import Owner
from moodmill.db.ledger.jobs import JobLedger
from moodmill.producers.runs import labelling
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.opening import NO_COMMENTS
from moodmill.producers.runs.options import RunOptions, run_defaults
from moodmill.producers.runs.waiter import OnProgress
from moodmill.producers.schedule.file_discovery import look_at_files
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.sources import Place

logger = logging.getLogger(__name__)

#: Seconds between two heartbeats of a job.
BEAT_S: Final = 20.0
#: Seconds that a webhook may take.
WEBHOOK_S: Final = 10.0
#: Names of files that a line shows.
SHOWN_NAMES: Final = 3


class StoppedError(MoodmillError):
    """A job was stopped in the middle; raised by its progress callback."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a job."""

    job: str
    #: Of the runs that it made or finished, and of those that it had when it was broken off before.
    runs: tuple[str, ...] = ()
    comments: int = 0
    #: What went wrong, one line each.
    errors: tuple[str, ...] = ()
    #: What is to be known besides, one line each.
    remarks: tuple[str, ...] = ()
    #: It ran already, so nothing was done.
    busy: bool = False

    @property
    def succeeded(self) -> bool:
        return not self.errors

    def __str__(self) -> str:
        if self.busy:
            return "it runs already"
        said = [f"{len(self.runs)} runs, {self.comments:,} comments" if self.runs else "nothing new"]
        said += [*self.errors, *self.remarks]
        return "; ".join(said)


def run_job(
    store: Store, name: str, job: Job, runtime: Runtime, on_progress: OnProgress, *, again: bool = False
) -> Outcome:
    """Run a job unless it runs already; keep what came of it, and tell its webhook of a failure.

    Errors of single files are in the outcome, and the other files are labelled. `again` labels those too that the job
    has labelled under other options than it has now.
    """
    ledger = JobLedger(store)
    number = ledger.begin(name)
    if number is None:
        logger.warning("job %s: it runs already", name)
        return Outcome(job=name, busy=True)
    try:
        with heartbeat(lambda: ledger.live(number), BEAT_S):
            outcome = _work(store, ledger, name, job, runtime, on_progress, again)
    except (StoppedError, KeyboardInterrupt) as error:
        ledger.end(number, "stopped", str(error) or "interrupted")
        raise
    except Exception as error:
        ledger.end(number, "failed", _reason(error))
        raise
    logger.log(logging.INFO if outcome.succeeded else logging.ERROR, "job %s: %s", name, outcome)
    if not outcome.succeeded:
        _tell(job, outcome)  # first: the store may be what fails
    ledger.end(number, "succeeded" if outcome.succeeded else "failed", str(outcome), outcome.runs)
    return outcome


@contextmanager
def ending_told(name: str, job: Job) -> Iterator[None]:
    """Tell a job's webhook of an error that ends it, from before its store is opened."""
    try:
        yield
    except StoppedError:
        raise
    except Exception as error:
        _tell(job, Outcome(job=name, errors=(_reason(error),)))
        raise


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, MoodmillError) else f"{type(error).__name__}: {error}"


def _work(
    store: Store, ledger: JobLedger, name: str, job: Job, runtime: Runtime, on_progress: OnProgress, again: bool
) -> Outcome:
    errors, remarks = list[str](), list[str]()
    options = job.options(run_defaults(runtime.worker, runtime.producer))
    # Those that ended before the job was broken off: their errors are yet to be reported.
    runs = [_read(ledger, job, status(store, run_id)) for run_id in ledger.unreported(name)]
    for run_id in ledger.unfinished(name):
        try:
            runs.append(_read(ledger, job, labelling.resume(store, run_id, runtime, on_progress)))
        except StoppedError:
            raise
        except SourceError as error:
            # Its file is not what it was. What lies there now has another fingerprint, and is labelled below.
            ledger.give_up(run_id, str(error))
            errors.append(f"run {run_id} is given up: {error}")
        except MoodmillError as error:
            errors.append(f"run {run_id}: {error}")
    for file, owner in _new(store, ledger, name, job, options, runtime, errors, remarks, again):
        logger.info("job %s: labelling %s", name, file)
        try:
            run = labelling.label(store, [file], options, runtime, lambda _: None, on_progress, owner)
            runs.append(_read(ledger, job, run))
        except StoppedError:
            raise
        except NoSourceError:
            remarks.append(f"{_counted([file.name])} passed over: {NO_COMMENTS}")
        except MoodmillError as error:
            errors.append(f"{file.name}: {error}")
    try:
        _look_after(store, runtime.producer.moodmill_keep_months)
    except MoodmillError as error:  # what was labelled is reported all the same
        errors.append(f"roll-ups and old months: {error}")
    for run in runs:
        errors += [f"{source}: {error}" for source, error in run.source_errors.items()]
        if run.dead:
            errors.append(f"run {run.id}: {run.dead} dead letters")
        if run.failure:
            errors.append(f"run {run.id}: {run.failure}")
    return Outcome(
        job=name,
        runs=tuple(run.id for run in runs),
        comments=sum(run.classified for run in runs),
        errors=tuple(errors),
        remarks=tuple(remarks),
    )


def _look_after(store: Store, keep_months: int | None) -> None:
    """Bring the roll-ups up to date, also with what others have enqueued, and let old comments go."""
    refresh(store)
    tend_lake(store, whole=True)
    if keep_months is not None:
        prune(store, first_kept(today(store), keep_months), lambda month: logger.info("deleted: %s", month))


def _read(ledger: JobLedger, job: Job, run: RunStatus) -> RunStatus:
    """Give up a run that could not read all of its rows of a table: they are read from there once more."""
    if job.table is not None and run.source_errors:
        ledger.give_up(run.id, "its rows are read from the table again")
    return run


def _new(
    store: Store,
    ledger: JobLedger,
    name: str,
    job: Job,
    options: RunOptions,
    runtime: Runtime,
    errors: list[str],
    remarks: list[str],
    again: bool,
) -> Iterator[tuple[Path | Place, Owner]]:
    """Yield the files to be labelled, each with what its run is to be owned by; add to the errors what is wrong."""
    if job.table is None:
        known, outdated = ledger.labelled(name, lambda kept: RunOptions.from_json(kept).labels_as(options))
        watched = look_at_files(job, known, () if again else outdated)
        errors += watched.errors
        if watched.outdated:
            remarks.append(
                f"{_counted([one.name for one in watched.outdated])} labelled under other options: "
                f"`moodmill schedule run {name} --again` labels them under these"
            )
        remarks += [f"{_counted(names)} passed over: {reason}" for reason, names in watched.passed_over.items()]
        yield from ((file, Owner(job=name)) for file in watched.files)
        return
    from moodmill.producers.schedule.incremental import spool_rows  # pyarrow's import takes a while: only its users pay

    try:
        for file, watermark in spool_rows(store, ledger, name, job, runtime.producer.moodmill_spool):
            yield file, Owner(job=name, watermark=watermark)
    except MoodmillError as error:
        errors.append(str(error))


def _counted(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:SHOWN_NAMES], *(["…"] if len(names) > SHOWN_NAMES else [])])
    return f"{len(names)} {'file' if len(names) == 1 else 'files'} ({shown})"


def _tell(job: Job, outcome: Outcome) -> None:
    """POST an outcome as JSON to a job's webhook; one that does not take it is a line in the log."""
    if job.webhook is None:
        return
    reported = {"job": outcome.job, "state": "failed", "runs": outcome.runs, "errors": outcome.errors}
    request = urllib.request.Request(  # noqa: S310 - http or https: checked where jobs are read
        job.webhook, msgspec.json.encode(reported), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=WEBHOOK_S):  # noqa: S310
            pass
    except (OSError, ValueError, HTTPException) as error:
        logger.error("job %s: its webhook could not be reached: %s", outcome.job, error)  # noqa: TRY400
