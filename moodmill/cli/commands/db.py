"""`moodmill db`: the schema of the store, its roll-ups and indexes, and what of it is kept."""

import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from moodmill.cli.options import confirm, json_option, store_options, yes_option
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.session import opened_store


@click.group()
def db() -> None:
    """Manage the store: its schema, roll-ups and indexes, and the deletion of comments."""


@db.command()
@store_options
@click.option("--reader", metavar="ROLE", help="A role of PostgreSQL that may read the views then, for dashboards.")
@click.option("--reader-password-file", type=click.Path(path_type=Path), help="Holds the password of the reader.")
@json_option
def upgrade(reader: str | None, reader_password_file: Path | None, as_json: bool) -> None:
    """Bring the store's schema to this version of moodmill. Does nothing where it is there.

    With --reader, a role is made, or given its password anew, that may read the views and nothing else.
    """
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store

    password = _reader_password(reader, reader_password_file)
    with closing(Store(read_settings(StoreSettings).database_url)) as store:
        before = store.current()
        store.upgrade()
        after = store.current()
        if not as_json:
            _report(f"{store.shown}: schema {before or 'none'} -> {after}")
        if reader is not None:
            from moodmill.db.database.reader import grant_reader

            grant_reader(store, reader, password)
            if not as_json:
                _report(f"{store.shown}: {reader} may read the views")
        if as_json:
            print_json({"store": store.shown, "before": before, "current": after, "reader": reader})


def _report(done: str) -> None:
    """Print what was done: as a line of the log in a service, whose log is JSON."""
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.telemetry.logs import is_json, json_line

    if is_json(read_settings(WorkerSettings).moodmill_log, sys.stdout):
        click.echo(json_line(done))
    else:
        OUTPUT.print(done)


@db.command()
@store_options
@json_option
def current(as_json: bool) -> None:
    """Show the revision of the store's schema and the one this version of moodmill wants."""
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store

    with closing(Store(read_settings(StoreSettings).database_url)) as store:
        found, wanted = store.current() if store.exists() else None, store.newest()
    if as_json:
        print_json({"store": store.shown, "current": found, "newest": wanted})
    else:
        remark = "" if found == wanted else " (`moodmill db upgrade` brings it there)"
        OUTPUT.print(f"{store.shown}: schema {found or 'none'}, newest {wanted}{remark}")


@db.command()
@store_options
@click.option("--all", "every", is_flag=True, help="All days, also those that have not changed.")
@json_option
def rollup(every: bool, as_json: bool) -> None:
    """Bring the roll-ups up to date: aggregate the days and months whose rows changed.

    `moodmill label` does it at its end, and `moodmill schedule serve` every few minutes.
    """
    from moodmill.db.analytics.rollups import invalidate_all, refresh

    with opened_store() as store:
        if every:
            invalidate_all(store)
        with REMARKS.status("aggregating") as shown:
            done = refresh(store, lambda period: shown.update(f"aggregated {period}"))
        if as_json:
            print_json({"store": store.shown, "aggregated": done})
        else:
            OUTPUT.print(f"{store.shown}: aggregated {done} days and months")


@db.command()
@click.argument("emotions", nargs=-1, metavar="[EMOTION]...")
@click.option("--text", "of_texts", is_flag=True, help="Index the words of the texts that runs with --keep-text kept.")
@store_options
@json_option
def index(emotions: tuple[str, ...], of_texts: bool, as_json: bool) -> None:
    """Index the comments that show EMOTIONs, for queries like `where joy > 0.5 order by joy desc`.

    Takes long in a large store, and workers wait meanwhile. An index of texts takes about as much room as they do, and
    is kept up to date from then on.
    """
    from moodmill.db.analytics.indexes import index_emotions, refuse_lake
    from moodmill.db.analytics.words import index_texts

    if not emotions and not of_texts:
        raise click.UsageError("expected EMOTIONs, --text, or both")
    with opened_store() as store, REMARKS.status("making indexes"):
        refuse_lake(store)
        made = index_emotions(store, emotions) if emotions else []
        texts = index_texts(store, _announce) if of_texts else None
    if as_json:
        names = [*made, *([texts.name] if texts else [])]
        over = {"texts": texts.texts, "bytes": texts.size} if texts else {}
        print_json({"store": store.shown, "made": names, **over})
        return
    said = [*made, *([f"{texts.name}, {texts.size / 1e6:,.1f} MB over {texts.texts:,} texts"] if texts else [])]
    OUTPUT.print(Text(f"{store.shown}: made {', '.join(said) or 'none, they are there'}"), soft_wrap=True)


def _announce(texts: int, size: int) -> None:
    said = f"{texts:,} texts: their index takes some {size / 1e6:,.1f} MB, and workers wait while it is made"
    REMARKS.print(Text(said), soft_wrap=True)


@db.command()
@click.option("--keep-months", type=click.IntRange(1), metavar="N", help="Keep so many months, this one among them.")
@click.option("--before", type=click.DateTime(["%Y-%m"]), metavar="YYYY-MM", help="Delete what is before this month.")
@yes_option
@store_options
@json_option
def prune(keep_months: int | None, before: datetime | None, yes: bool, as_json: bool) -> None:
    """Delete the comments of old months for good. What the roll-ups say of that time stays.

    MOODMILL_KEEP_MONTHS has the schedule's jobs do it.
    """
    from moodmill.db.analytics.retention import first_kept
    from moodmill.db.analytics.retention import prune as delete_before

    if (keep_months is None) == (before is None):
        raise click.UsageError("expected one of --keep-months and --before")
    today = datetime.now(UTC).date()
    first = before.date() if before is not None else first_kept(today, keep_months or 1)
    if first > today:
        raise click.BadParameter(f"{first:%Y-%m} is still to come", param_hint="--before")
    with opened_store() as store:
        if not yes:
            confirm(f"Delete all comments before {first:%Y-%m} from {store.shown}?")
        months: list[str] = []
        with REMARKS.status("deleting") as shown:

            def on_month(month: str) -> None:
                months.append(month)
                shown.update(f"deleted {month}")

            delete_before(store, first, on_month)
    if as_json:
        print_json({"store": store.shown, "before": f"{first:%Y-%m}", "deleted": months})
    else:
        OUTPUT.print(Text(f"{store.shown}: deleted {len(months)} months (before {first:%Y-%m})"), soft_wrap=True)


@db.command()
@click.option(
    "--author", "authors", multiple=True, metavar="NAME", help="All comments of this author; may be repeated."
)
@click.option("--comment", "comments", multiple=True, metavar="ID", help="The comment with this id; may be repeated.")
@yes_option
@store_options
@json_option
def erase(authors: tuple[str, ...], comments: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Erase what somebody wrote, or single comments, for good: rows, dead letters, and what the roll-ups count of them.

    Days whose comments were pruned keep what they counted. Comes their source again, so do they: leave them out there,
    or by a filter.
    """
    from moodmill.db.analytics.erasure import erase as erase_comments

    if not authors and not comments:
        raise click.UsageError("expected --author, --comment, or both")
    with opened_store() as store:
        if not yes:
            confirm(f"Erase {', '.join([*authors, *comments])} from {store.shown}?")
        with REMARKS.status("erasing"):
            done = erase_comments(store, authors, comments)
    if as_json:
        print_json({"store": store.shown, "comments": done.comments, "dead_letters": done.dead_letters})
    else:
        said = f"{store.shown}: erased {done.comments:,} rows and {done.dead_letters:,} dead letters"
        OUTPUT.print(Text(said), soft_wrap=True)


def _reader_password(reader: str | None, file: Path | None) -> str:
    from moodmill.db.core.settings import password_in

    if (reader is None) != (file is None):
        raise click.UsageError("--reader ROLE and --reader-password-file FILE go together")
    try:
        return password_in(file) if file else ""
    except ValueError as error:
        raise click.BadParameter(f"{file}: {error}", param_hint="--reader-password-file") from error
