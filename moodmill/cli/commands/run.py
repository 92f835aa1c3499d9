"""`moodmill run`: how runs stand, and what is done with one."""

import sys
from contextlib import closing

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.finishing import finish
from moodmill.cli.options import (
    broker_options,
    confirm,
    device_options,
    jobs_option,
    json_option,
    store_options,
    with_worker_option,
    yes_option,
)
from moodmill.cli.printing import OUTPUT, REMARKS, print_json, print_status, print_troubles, status_json
from moodmill.cli.run_options import max_dead_option
from moodmill.cli.session import opened_store
from moodmill.cli.signals import interruptible
from moodmill.cli.telemetry import observed
from moodmill.db.core.errors import MoodmillError, RunError
from moodmill.progress import shown_progress


@click.group()
def run() -> None:
    """List, show, watch, resume, cancel and delete runs."""


@run.command("list")
@store_options
@json_option
def list_runs(as_json: bool) -> None:
    """List all runs, the newest first."""
    from moodmill.db.analytics import reads

    with opened_store() as store:
        runs = [reads.status(store, run_id) for run_id in reads.run_ids(store)]
    if as_json:
        print_json([status_json(found) for found in runs])
        return
    if not runs:
        OUTPUT.print(f"no runs yet in {store.shown}: `moodmill label SOURCE` makes one")
        return
    table = Table(Column("run", no_wrap=True, min_width=15), "state", "sources", box=None)
    for title in ("read", "classified", "skipped", "dead", "waiting"):
        table.add_column(title, justify="right")
    for found in runs:
        counts = (found.read, found.classified, sum(found.skipped.values()), found.dead, found.waiting)
        table.add_row(found.id, found.state, Text(", ".join(found.sources)), *(f"{n:,}" for n in counts))
    OUTPUT.print(table)


@run.command()
@click.argument("run_id", metavar="RUN")
@store_options
@json_option
def show(run_id: str, as_json: bool) -> None:
    """Show RUN as a sum that adds up: read = classified + skipped + dead + waiting."""
    from moodmill.db.analytics import reads

    with opened_store() as store:
        found = reads.status(store, run_id)
    if as_json:
        print_json(status_json(found))
    else:
        print_status(found, store)
    print_troubles(found)


@run.command()
@click.option("--once", is_flag=True, help="Show it once, as where no terminal is.")
@jobs_option
@store_options
@broker_options
@json_option
def watch(once: bool, as_json: bool) -> None:
    """Watch runs under way, the queue and its workers, and the jobs of the schedule.

    Polls the store and the broker, and waits for one that is away. q or Ctrl-C ends it. --once and
    --json show it once, and exit with 0 only if both have answered.
    """
    from moodmill.cli import live
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store
    from moodmill.producers.runs.settings import ProducerSettings
    from moodmill.producers.schedule.jobs import read_jobs
    from moodmill.producers.schedule.status import StatusCollector
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.broker import Broker

    file, url = read_settings(ProducerSettings).moodmill_jobs, read_settings(WorkerSettings).redis_url
    jobs = read_jobs(file) if file.exists() else {}
    with closing(Store(read_settings(StoreSettings).database_url)) as store:
        broker = None if url is None else Broker(url)
        collector = StatusCollector(store, jobs, broker=broker, with_runs=True, timeout_s=live.TIMEOUT_S)
        if not (once or as_json) and OUTPUT.is_terminal:
            live.watch(lambda: live.view(store.shown, collector.look()))
            return
        seen = collector.look()
    if as_json:
        print_json(live.to_json(seen))
    else:
        OUTPUT.print(live.view(store.shown, seen))
    if any(isinstance(part, MoodmillError) for part in (seen.store, seen.broker)):
        sys.exit(1)


@run.command()
@click.argument("run_id", required=False, metavar="[RUN]")
@max_dead_option(None)
@with_worker_option
@device_options
@store_options
@broker_options
@json_option
def resume(run_id: str | None, max_dead: float | None, with_worker: bool, as_json: bool) -> None:
    """Finish RUN, which was interrupted: read the rest, and classify what is not classified yet.

    Without RUN, the one that is not finished, if it is the only one. The model, the engine and its precision, and the
    options of reading are those that the run began with.
    """
    from moodmill.db.ledger.ledger import Ledger
    from moodmill.db.ledger.runs import open_runs
    from moodmill.producers.runs import labelling
    from moodmill.producers.runs.cluster import Runtime

    with opened_store(retries=True) as store, observed():
        run_id = run_id or _only(open_runs(store))
        Ledger(store).run(run_id)  # an unknown id is an error before anything starts
        runtime = Runtime.from_settings(with_worker=with_worker)
        with interruptible([run_id]), shown_progress(REMARKS, own_worker=runtime.starts_worker) as show_progress:
            status = labelling.resume(store, run_id, runtime, show_progress, max_dead)
    finish(store, status, as_json)


def _only(runs: list[str]) -> str:
    if not runs:
        raise RunError("no run is unfinished: `moodmill run list` shows all")
    if len(runs) > 1:
        raise RunError(f"{len(runs)} runs are not finished: name one of {', '.join(runs)}")
    return runs[0]


@run.command()
@click.argument("run_id", metavar="RUN")
@yes_option
@store_options
@json_option
def cancel(run_id: str, yes: bool, as_json: bool) -> None:
    """End RUN where it is: what is labelled stays, and nothing more of it will be."""
    from moodmill.db.ledger.runs import cancel_run

    with opened_store() as store:
        if not yes:
            confirm(f"Cancel the run {run_id}? It cannot be resumed then.")
        comments = cancel_run(store, run_id)
    if as_json:
        print_json({"run": run_id, "state": "cancelled", "not_classified": comments})
    else:
        OUTPUT.print(f"{run_id}: cancelled; {comments:,} comments that were read are not classified")


@run.command()
@click.argument("run_id", metavar="RUN")
@yes_option
@store_options
@json_option
def delete(run_id: str, yes: bool, as_json: bool) -> None:
    """Delete what the ledger knows of RUN, its dead letters included. The rows of its comments stay."""
    from moodmill.db.ledger.runs import delete_run

    with opened_store() as store:
        if not yes:
            confirm(f"Delete the run {run_id} and its dead letters?")
        delete_run(store, run_id)
    if as_json:
        print_json({"run": run_id, "state": "deleted"})
    else:
        OUTPUT.print(f"{run_id}: deleted")
