"""`moodmill schedule`: jobs that label what is new, at their times."""

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.options import broker_options, device_options, jobs_option, json_option, model_options, store_options
from moodmill.cli.printing import MINUTE, OUTPUT, REMARKS, print_json
from moodmill.cli.session import opened_store
from moodmill.cli.signals import stoppable
from moodmill.cli.telemetry import observed
from moodmill.db.core.errors import SettingError
from moodmill.progress import shown_progress

if TYPE_CHECKING:
    from moodmill.producers.schedule.jobs import Job


@click.group(short_help="Run scheduled jobs that label what is new.")
def schedule() -> None:
    """Label what is new in files, folders and SQL tables, at the times of a schedule.

    A TOML file describes the jobs, one table each:

    \b
    [nightly]
    cron = "15 3 * * *"            # in UTC
    files = ["/dumps"]             # files, folders, patterns
    \b
    [hourly]
    cron = "5 * * * *"
    table = "comments"             # in the database that database_url_env names, or the store's
    key = "id"                     # grows from row to row

    A file that is new or has grown is labelled once, and only when it was not written to for some time (`settled`, in
    seconds). Of a table, the rows behind the last one that was labelled are read. What was broken off is finished
    first. Whatever a run could not read or classify makes its job fail.
    """


@schedule.command("list")
@jobs_option
@store_options
@json_option
def list_jobs(as_json: bool) -> None:
    """List the jobs, when each is due, and what came of it last."""
    from moodmill.db.ledger.jobs import JobLedger

    jobs, now = _jobs(), datetime.now(UTC)
    with opened_store(create=True) as store:
        last = {name: JobLedger(store).latest(name) for name in jobs}
    if as_json:
        print_json([_json(name, job, now) | {"last": last[name] and vars(last[name])} for name, job in jobs.items()])
        return
    once = [Column(title, no_wrap=True) for title in ("cron", "next", "last", "state")]
    table = Table("job", *once, "outcome", box=None)
    for name, job in jobs.items():
        found = last[name]
        came = (f"{found.started_at:{MINUTE}}", found.state, found.outcome or "") if found else ("never", "", "")
        table.add_row(*(Text(one) for one in (name, job.cron, f"{job.due_after(now):{MINUTE}}", *came)))
    OUTPUT.print(table)


@schedule.command("next")
@jobs_option
@json_option
def next_jobs(as_json: bool) -> None:
    """Show which job is due when, the next one first."""
    now = datetime.now(UTC)
    due = sorted(((job.due_after(now), name, job) for name, job in _jobs().items()), key=lambda one: one[:2])
    if as_json:
        print_json([_json(name, job, now) for _, name, job in due])
        return
    for moment, name, _ in due:
        OUTPUT.print(Text(f"{moment:{MINUTE}} UTC  {name}"))


@schedule.command("run")
@click.argument("name")
@click.option("--again", is_flag=True, help="Label files again that it has labelled with other options than now.")
@jobs_option
@model_options
@device_options
@store_options
@broker_options
@json_option
def run_job(name: str, again: bool, as_json: bool) -> None:
    """Run the job NAME now, unless it runs already.

    Exits with 0 only if all that is new was labelled; with 75 if the job runs already.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.producers.runs.cluster import Runtime
    from moodmill.producers.runs.settings import ProducerSettings
    from moodmill.producers.schedule import job_runner
    from moodmill.producers.schedule.jobs import find_job
    from moodmill.worker.telemetry.logs import about

    job = find_job(read_settings(ProducerSettings).moodmill_jobs, name)
    runtime = Runtime.from_settings()
    with (
        job_runner.ending_told(name, job),
        opened_store(create=True, retries=True) as store,
        observed(),
        about(job=name),
        stoppable(),
        shown_progress(REMARKS, own_worker=runtime.starts_worker) as show,
    ):
        outcome = job_runner.run_job(store, name, job, runtime, show, again=again)
    if as_json:
        print_json({**vars(outcome), "succeeded": outcome.succeeded})
    else:
        OUTPUT.print(Text(f"{name}: {outcome}"), soft_wrap=True)
    if outcome.busy:
        sys.exit(os.EX_TEMPFAIL)
    if not outcome.succeeded:
        sys.exit(1)


@schedule.command()
@jobs_option
@model_options
@store_options
@broker_options
def serve() -> None:
    """Run all jobs at their times until it is stopped: Celery beat, and threads that run what is due.

    A job whose time passed while nothing ran is run at once. Needs the broker in REDIS_URL, whose workers classify. The
    plain `celery -A moodmill.producers.schedule.beat beat` is the same.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.command import celery_command
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.broker import Broker

    settings = read_settings(WorkerSettings)
    if settings.redis_url is None:
        raise SettingError("a schedule needs a broker: set REDIS_URL, or let cron call `moodmill schedule run`")
    _jobs()
    Broker(settings.redis_url).check()
    banner = [] if settings.moodmill_log == "text" else ["--quiet"]  # it is a picture, and no JSON
    command = celery_command("moodmill.producers.schedule.beat", [*banner, "beat", "--loglevel", "INFO"])
    os.execv(sys.executable, command)  # noqa: S606 - our own command takes this process's place, and its signals


@schedule.command()
@broker_options
def check() -> None:
    """Check that `moodmill schedule serve` is alive on this machine, by its heartbeat in the broker.

    Exits with 0 only if it has looked for due jobs lately: for health checks of containers, and for service managers.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.health import check_alive

    check_alive("beat", read_settings(WorkerSettings).redis_url)
    OUTPUT.print("alive")


def _jobs() -> "dict[str, Job]":
    from moodmill.db.core.settings import read_settings
    from moodmill.producers.runs.settings import ProducerSettings
    from moodmill.producers.schedule.jobs import read_jobs

    return read_jobs(read_settings(ProducerSettings).moodmill_jobs)


def _json(name: str, job: "Job", now: datetime) -> dict[str, Any]:
    read = {"files": job.files, "table": job.table, "key": job.key}
    return {"job": name, "cron": job.cron, **read, "next": job.due_after(now).isoformat()}
