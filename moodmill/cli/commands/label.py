"""`moodmill label` and `enqueue`: sources become runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moodmill.cli.finishing import finish
from moodmill.cli.inspecting import count_sources, inspect_sources
from moodmill.cli.options import (
    broker_options,
    device_options,
    json_option,
    model_options,
    store_options,
    with_worker_option,
)
from moodmill.cli.printing import REMARKS
from moodmill.cli.run_options import run_options
from moodmill.cli.session import opened_store
from moodmill.cli.signals import interruptible
from moodmill.cli.source import SOURCE
from moodmill.cli.telemetry import observed
from moodmill.db.core.errors import SettingError
from moodmill.progress import shown_progress

if TYPE_CHECKING:
    from moodmill.producers.runs.options import RunOptions

_sources = click.argument("sources", nargs=-1, required=True, type=SOURCE, metavar="SOURCE...")
_again = click.option(
    "--again", is_flag=True, help="Label files again that a job has already labelled with the same options."
)


@click.command(short_help="Label dumps, tables or standard input.")
@_sources
@run_options
@_again
@click.option("--inspect", is_flag=True, help="Show how SOURCEs are understood, and label nothing.")
@click.option("--dry-run", is_flag=True, help="Read SOURCEs whole, count what would be labelled, and label nothing.")
@with_worker_option
@model_options
@device_options
@store_options
@broker_options
@json_option
def label(
    sources: tuple[Path, ...],
    options: "RunOptions",
    again: bool,
    inspect: bool,
    dry_run: bool,
    with_worker: bool,
    as_json: bool,
) -> None:
    """Label SOURCEs: every comment gets its 27 probabilities in the store.

    A SOURCE is a Reddit dump (.zst, .bz2, .xz, .gz or plain NDJSON), a table (CSV, TSV, Parquet, Arrow), JSON, an
    archive or a folder of these, a URL of one (s3://, https://, …), or - for standard input. Encoding, dialect and
    columns are detected: --inspect shows how. With no broker named, an embedded one and a worker are started for this
    run.

    Exits with 0 only if all that was read is accounted for and nothing is dead. Ctrl-C leaves a run that `moodmill
    run resume` finishes.
    """
    if inspect and dry_run:
        raise click.UsageError("expected one of --inspect and --dry-run")
    if inspect:
        inspect_sources(sources, options, as_json)
        return
    if dry_run:
        count_sources(sources, options, as_json)
        return
    _label(sources, options, with_worker, as_json, wait=True, again=again)


@click.command(short_help="Only enqueue; workers do the rest.")
@_sources
@run_options
@_again
@store_options
@broker_options
@json_option
def enqueue(sources: tuple[Path, ...], options: "RunOptions", again: bool, as_json: bool) -> None:
    """Read SOURCEs into the queue of the broker in REDIS_URL, and leave the rest to its workers.

    Stays no more than MOODMILL_CHUNKS_IN_FLIGHT chunks ahead of the workers, and leaves when the last one is sent.

    Takes the same SOURCEs and options as `moodmill label`. `moodmill run watch` shows how the run goes on.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings

    if read_settings(WorkerSettings).redis_url is None:
        raise SettingError("enqueue needs a broker that outlives it: set REDIS_URL, or use `moodmill label`")
    _label(sources, options, False, as_json, wait=False, again=again)


def _label(
    sources: tuple[Path, ...], options: "RunOptions", with_worker: bool, as_json: bool, *, wait: bool, again: bool
) -> None:
    from moodmill.producers.runs import labelling
    from moodmill.producers.runs.cluster import Runtime

    runtime = Runtime.from_settings(with_worker=with_worker, wait=wait)
    runs: list[str] = []
    with (
        opened_store(create=True, retries=True) as store,
        observed(),
        interruptible(runs),
        shown_progress(REMARKS, own_worker=runtime.starts_worker) as show,
    ):
        status = labelling.label(store, sources, options, runtime, runs.append, show, again=again)
    finish(store, status, as_json, wait=wait)
