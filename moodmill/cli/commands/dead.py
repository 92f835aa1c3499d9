"""`moodmill dead`: the records that could not be classified."""

import sys
from dataclasses import asdict
from itertools import islice

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.options import broker_options, device_options, json_option, store_options, with_worker_option
from moodmill.cli.printing import OUTPUT, REMARKS, SHOWN_ERRORS, print_json, print_json_array, print_status, status_json
from moodmill.cli.session import opened_store
from moodmill.cli.signals import interruptible
from moodmill.cli.telemetry import observed
from moodmill.db.core.errors import RunError
from moodmill.db.core.text import shortened
from moodmill.progress import shown_progress


@click.group(short_help="List, show and replay dead letters.")
def dead() -> None:
    """List, show and replay dead letters: records that could not be read or classified."""


@dead.command("list")
@click.argument("run", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="Letters shown at most.")
@store_options
@json_option
def list_(run: str | None, limit: int, as_json: bool) -> None:
    """List the dead letters of RUN, or of all runs, with their errors; --json lists all of them."""
    from moodmill.db.ledger.dead_letters import list_dead_letters
    from moodmill.db.ledger.ledger import Ledger

    with opened_store() as store:
        if run is not None:
            Ledger(store).run(run)  # an unknown id is an error, not an empty list
        letters = list_dead_letters(store, run)
        if as_json:
            print_json_array(asdict(letter) for letter in letters)
            return
        table = Table("id", Column("run", no_wrap=True), "source", "record", "stage", "error", box=None)
        for letter in islice(letters, limit):
            where = (letter.run, letter.source, f"{letter.position + 1:,}", letter.stage, shortened(letter.error))
            table.add_row(str(letter.id), *map(Text, where))
        more = sum(1 for _ in letters)
    if table.row_count:
        OUTPUT.print(table)
        if more:
            REMARKS.print(f"{more:,} more: --limit {table.row_count + more} shows them")
    else:
        OUTPUT.print("no dead letters")


@dead.command()
@click.argument("ids", nargs=-1, required=True, type=int, metavar="ID...")
@store_options
@json_option
def show(ids: tuple[int, ...], as_json: bool) -> None:
    """Show dead letters whole: where they come from, the error, and the record as it came."""
    from moodmill.db.ledger.dead_letters import dead_letters

    with opened_store() as store:
        letters = dead_letters(store, ids=ids)
    if as_json:
        print_json([asdict(letter) for letter in letters])
    for letter in letters if not as_json else ():
        OUTPUT.print(f"{letter.id}: record {letter.position + 1:,} of {letter.source}, run {letter.run}")
        OUTPUT.print(Text(f"  {letter.stage}: {letter.error}"))
        OUTPUT.print(Text(f"  {letter.payload}"), soft_wrap=True)
    _require_all(ids, [letter.id for letter in letters])


@dead.command()
@click.argument("ids", nargs=-1, type=int, metavar="[ID...]")
@click.option("--run", help="All dead letters of this run.")
@with_worker_option
@device_options
@store_options
@broker_options
@json_option
def replay(ids: tuple[int, ...], run: str | None, with_worker: bool, as_json: bool) -> None:
    """Try dead letters again, by ID or those of a whole run. One that is classified now is no dead letter any more."""
    from moodmill.db.analytics.reads import status
    from moodmill.db.ledger.dead_letters import list_dead_letters
    from moodmill.db.ledger.ledger import Ledger
    from moodmill.producers.runs import labelling
    from moodmill.producers.runs.cluster import Runtime

    if not ids and run is None:
        raise click.UsageError("expected the IDs of dead letters, or --run RUN: `moodmill dead list` shows both")
    with opened_store(retries=True) as store, observed():
        if run is not None:
            Ledger(store).run(run)  # an unknown id is an error before anything starts
        letters = list(list_dead_letters(store, run, ids))
        _require_all(ids, [letter.id for letter in letters])
        runtime = Runtime.from_settings(with_worker=with_worker)
        ids_of_runs = sorted({letter.run for letter in letters})
        with interruptible(ids_of_runs), shown_progress(REMARKS, own_worker=runtime.starts_worker) as show_progress:
            labelling.replay(store, letters, runtime, show_progress)
        runs = [status(store, one) for one in ids_of_runs]
        left = {letter.id: letter.error for letter in list_dead_letters(store, run, ids)}
    if as_json:
        print_json({"replayed": len(letters) - len(left), "still_dead": len(left), "runs": [*map(status_json, runs)]})
    else:
        OUTPUT.print(f"replayed {len(letters) - len(left):,} of {len(letters):,} dead letters")
        for number, error in islice(left.items(), SHOWN_ERRORS):
            OUTPUT.print(f"{number} is still one: {shortened(error, 200)}", soft_wrap=True)
        for one in runs:
            print_status(one, store)
    if left:
        sys.exit(1)


def _require_all(wanted: tuple[int, ...], found: list[int]) -> None:
    missing = sorted(set(wanted) - set(found))
    if missing:
        raise RunError(f"no dead letter {', '.join(map(str, missing))}: `moodmill dead list` shows them")
