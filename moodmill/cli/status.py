"""`moodmill status`: how runs stand."""

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.opening import opened_store
from moodmill.cli.options import json_option, store_options
from moodmill.cli.printing import OUTPUT, print_json, print_status, print_troubles, status_json


@click.command(short_help="Show how runs stand.")
@click.argument("run", required=False)
@store_options
@json_option
def status(run: str | None, as_json: bool) -> None:
    """Show RUN as a sum that adds up: read = classified + skipped + dead + waiting. Without RUN: list all runs."""
    from moodmill.db.analytics import reads

    with opened_store() as store:
        if run is not None:
            found = reads.status(store, run)
            if as_json:
                print_json(status_json(found))
            else:
                print_status(found, store)
            print_troubles(found)
            return
        runs = [reads.status(store, one) for one in reads.run_ids(store)]
    if as_json:
        print_json([status_json(one) for one in runs])
        return
    if not runs:
        OUTPUT.print(f"no runs yet in {store.shown}: `moodmill label SOURCE` makes one")
        return
    table = Table(Column("run", no_wrap=True, min_width=15), "state", "sources", box=None)
    for title in ("read", "classified", "skipped", "dead", "waiting"):
        table.add_column(title, justify="right")
    for one in runs:
        counts = (one.read, one.classified, sum(one.skipped.values()), one.dead, one.waiting)
        table.add_row(one.id, one.state, Text(", ".join(one.sources)), *(f"{n:,}" for n in counts))
    OUTPUT.print(table)
