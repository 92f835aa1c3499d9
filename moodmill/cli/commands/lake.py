"""`moodmill lake`: result rows as Parquet files: what there is, merging, garbage, and how others read them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich.text import Text

from moodmill.cli.options import confirm, json_option, store_options, yes_option
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.session import opened_store
from moodmill.db.core.errors import StoreError

if TYPE_CHECKING:
    from moodmill.db.lake.lake import Lake


@click.group()
def lake() -> None:
    """Manage a lake: result rows as Parquet files, in a folder or an object store.

    MOODMILL_LAKE names it when the first run begins: a folder, or a URL as s3://BUCKET/PREFIX. Runs, dead letters and
    roll-ups stay in the store, which remembers its lake.
    """


@contextmanager
def _opened() -> Iterator["Lake"]:
    from moodmill.db.lake.lake import lake_of

    with opened_store() as store:
        found = lake_of(store)
        if found is None:
            raise StoreError(
                f"{store.shown} has no lake: MOODMILL_LAKE names one for a new store, `moodmill lake move` "
                "moves the rows of this one"
            )
        yield found


@lake.command()
@store_options
@json_option
def status(as_json: bool) -> None:
    """Show how many files, rows and bytes there are."""
    from moodmill.db.lake.contents import contents

    with _opened() as found:
        held = contents(found)
        address = found.folder.address
    if as_json:
        print_json({"lake": address, **asdict(held)})
        return
    OUTPUT.print(Text(address), soft_wrap=True)
    OUTPUT.print(f"merged      {_size(held.merged_files, held.merged_bytes)}, {held.merged_rows:,} rows")
    OUTPUT.print(f"incoming    {_size(held.incoming_files, held.incoming_bytes)}, {held.incoming_rows:,} rows")
    OUTPUT.print(f"to collect  {_size(held.removed_files, held.removed_bytes)}")
    OUTPUT.print(f"left out    {held.repeated:,} rows of comments that came again, {held.edited:,} of edited ones")


def _size(files: int, size: int) -> str:
    return f"{files:,} files, {size / 1e6:,.1f} MB"


@lake.command()
@click.option("--all", "whole", is_flag=True, help="Put all files of each month together.")
@store_options
@json_option
def merge(whole: bool, as_json: bool) -> None:
    """Sort what came in into files by model and month, with one row a comment.

    Where many files have come in, `moodmill schedule serve` does it every few minutes, and `moodmill label` at its end.
    """
    from moodmill.db.lake.merging import merge as merge_files

    with _opened() as found, REMARKS.status("merging") as shown:
        done = merge_files(found, lambda so_far: shown.update(f"merged {so_far.rows:,} rows"), whole=whole)
        address = found.folder.address
    if as_json:
        print_json({"lake": address, **asdict(done)})
    else:
        said = f"{address}: {done.before:,} files became {done.after:,}; left out {done.repeated + done.edited:,} rows"
        OUTPUT.print(Text(said), soft_wrap=True)


@lake.command()
@click.option("--grace-hours", type=click.FloatRange(0), default=24, help="Keep files that were removed since then.")
@store_options
@json_option
def collect(grace_hours: float, as_json: bool) -> None:
    """Delete files that are no part of the lake any more.

    Who began to read before a file was removed may read it for the hours of grace. Files that nobody ever named, as a
    kill leaves them, stay for a day at least.
    """
    from moodmill.db.lake.garbage import collect as collect_garbage

    with _opened() as found:
        done = collect_garbage(found, timedelta(hours=grace_hours))
        address = found.folder.address
    if as_json:
        print_json({"lake": address, **asdict(done)})
    else:
        deleted = _size(done.removed + done.unnamed, done.bytes)
        OUTPUT.print(Text(f"{address}: deleted {deleted}; {done.unnamed:,} of them no run had named"), soft_wrap=True)


@lake.command()
@click.argument("address", metavar="FOLDER|URL")
@yes_option
@store_options
@json_option
def move(address: str, yes: bool, as_json: bool) -> None:
    """Move all rows of the store into a lake, and have it keep its rows there from then on.

    Killed at any moment, the rows are where they were, or all in the lake. There is no way back.
    """
    from moodmill.db.lake.moving import move_in

    with opened_store(with_lake=False) as store:
        if not yes:
            confirm(f"Move all rows of {store.shown} into {address}?")
        with REMARKS.status("moving") as shown:
            to, rows = move_in(store, address, lambda so_far: shown.update(f"moved {so_far:,} rows"))
    if as_json:
        print_json({"store": store.shown, "lake": to.folder.address, "rows": rows})
    else:
        OUTPUT.print(Text(f"{store.shown}: moved {rows:,} rows into {to.folder.address}"), soft_wrap=True)


@lake.command()
@click.argument("address", metavar="FOLDER|URL")
@store_options
@json_option
def follow(address: str, as_json: bool) -> None:
    """Have the store find its lake at another address, where all of it was copied to, its marker too.

    Stop the workers before you copy: what they write meanwhile is not there.
    """
    from moodmill.db.lake.lake import follow_lake

    with opened_store(with_lake=False) as store:
        found = follow_lake(store, address)
    if as_json:
        print_json({"store": store.shown, "lake": found.folder.address})
    else:
        OUTPUT.print(Text(f"{store.shown}: rows in {found.folder.address}"), soft_wrap=True)


@lake.command()
@store_options
@json_option
def files(as_json: bool) -> None:
    """List the files, a line each, for other programs. `moodmill lake merge` first, or comments may be there twice."""
    from moodmill.db.lake.manifest import files_there

    with _opened() as found:
        with found.store.reading() as connection:
            there = files_there(connection)
        paths = [found.folder.where(file.name) for file in there]
    incoming = sum(not file.merged for file in there)
    if incoming:
        said = f"{incoming:,} files are not merged: `moodmill lake merge`, or comments that came again are twice there"
        REMARKS.print(Text(said), soft_wrap=True)
    if as_json:
        print_json(
            [
                {"path": path, "merged": file.merged, "rows": file.rows, "model": file.model}
                for path, file in zip(paths, there, strict=True)
            ]
        )
    else:
        for path in paths:
            click.echo(path)


@lake.command()
@store_options
def sql() -> None:
    """Print views for DuckDB: `comment_emotion`, each comment once, as the rows are now, and those of the store.

    \b
    moodmill lake sql | duckdb results.duckdb
    """
    from moodmill.db.lake.manifest import files_there
    from moodmill.db.lake.views import view_statements

    with _opened() as found, found.store.reading() as connection:
        for statement in view_statements(connection, found.folder, files_there(connection)):
            click.echo(f"{statement};")
