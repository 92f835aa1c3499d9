"""`moodmill db`: the schema of the store, and its roll-ups."""

import click

from cli.opening import opened_store
from cli.options import json_option, store_options
from cli.printing import OUTPUT, REMARKS, print_json


@click.group(short_help="Upgrade or show the store's schema; bring its roll-ups up to date.")
def db() -> None:
    """Upgrade the store's schema, show its revision, and bring its roll-ups up to date."""


@db.command()
@store_options
def upgrade() -> None:
    """Bring the store's schema to this version of moodmill. Does nothing where it is there."""
    from db.settings import StoreSettings, read_settings
    from db.store import Store

    store = Store(read_settings(StoreSettings).database_url)
    before = store.current()
    store.upgrade()
    OUTPUT.print(f"{store.shown}: schema {before or 'none'} -> {store.current()}")
    store.close()


@db.command()
@store_options
@json_option
def current(as_json: bool) -> None:
    """Show the revision of the store's schema and the one this version of moodmill wants."""
    from db.settings import StoreSettings, read_settings
    from db.store import Store

    store = Store(read_settings(StoreSettings).database_url)
    found, wanted = store.current() if store.exists() else None, store.newest()
    store.close()
    if as_json:
        print_json({"store": store.shown, "current": found, "newest": wanted})
    else:
        remark = "" if found == wanted else " (`moodmill db upgrade` brings it there)"
        OUTPUT.print(f"{store.shown}: schema {found or 'none'}, newest {wanted}{remark}")


@db.command()
@store_options
@click.option("--all", "every", is_flag=True, help="All days, also those that nothing says have changed.")
@json_option
def rollup(every: bool, as_json: bool) -> None:
    """Add up anew the days and months whose rows changed since the last time.

    `moodmill label` does it at its end; after `moodmill enqueue` it is yours, or a nightly job's, to do.
    """
    from db.rollups import mark_all, refresh

    with opened_store() as store:
        if every:
            mark_all(store)
        with REMARKS.status("adding up") as shown:
            done = refresh(store, lambda period: shown.update(f"added up {period}"))
        if as_json:
            print_json({"store": store.shown, "added_up": done})
        else:
            OUTPUT.print(f"{store.shown}: {done} days and months added up")
