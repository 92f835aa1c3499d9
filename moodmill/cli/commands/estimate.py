"""`moodmill estimate`: how long a run would take, and how much room."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from moodmill.cli.options import device_options, json_option, model_options
from moodmill.cli.run_options import run_options
from moodmill.cli.source import SOURCE
from moodmill.cli.visible import visible
from moodmill.db.core.errors import SourceError

if TYPE_CHECKING:
    from moodmill.estimate import Estimate
    from moodmill.producers.runs.options import RunOptions
    from moodmill.producers.runs.sampling import Range
    from moodmill.room import StoreKind

#: The kinds of stores, by what they are called.
STORES: Final[dict["StoreKind", str]] = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@click.command(short_help="Estimate how long a run will take here, and how much room.")
@click.argument("sources", nargs=-1, required=True, type=SOURCE, metavar="SOURCE...")
@run_options
@model_options
@device_options
@json_option
def estimate(sources: tuple[Path, ...], options: "RunOptions", as_json: bool) -> None:
    """Read the beginning of SOURCEs, classify some hundred of their comments, and show what `moodmill label` will take.

    Takes the same SOURCEs and options. Of many files some are read; what is behind their beginnings is taken to be like
    them, and each number has a range that says how sure it is. Nothing is kept. Exits with 1 where a SOURCE cannot be
    read.
    """
    from moodmill.cli.printing import REMARKS, print_json
    from moodmill.cli.signals import stoppable
    from moodmill.db.core.settings import read_settings
    from moodmill.estimate import estimate as reckoned
    from moodmill.producers.runs.labelling import STDIN
    from moodmill.producers.runs.opening import look_into, refuse_idle_options
    from moodmill.producers.runs.sampling import read_sample
    from moodmill.producers.sources import Discovery
    from moodmill.worker.core.settings import WorkerSettings

    if STDIN in sources:
        raise SourceError("standard input is read once: write it into a file to estimate it")
    with stoppable(), REMARKS.status("reading") as shown:
        opened = list(look_into(sources, options.reading, Discovery()))
        refuse_idle_options(options, opened)
        sample = read_sample(opened, options)
        shown.update("classifying")
        found = reckoned(sample, read_settings(WorkerSettings), keep_text=options.keep_text)
    if as_json:
        print_json(_as_json(found))
    else:
        _print(found)
    errors = [one.error for one in opened if one.error is not None]
    for error in errors:
        click.echo(f"error: {visible(' '.join(error.split()))}", err=True)
    if errors:
        sys.exit(1)


def _as_json(found: "Estimate") -> dict[str, Any]:
    return {
        "sources": found.sample.sources,
        "records_read": found.sample.records,
        "whole": found.sample.is_whole,
        "model": found.model,
        "runs_on": found.runs_on,
        "comments": found.sample.comments._asdict(),
        "tokens_a_comment": found.tokens_a_comment._asdict(),
        "comments_per_s": found.comments_per_s._asdict(),
        "seconds": found.seconds._asdict(),
        "bytes_a_row": {kind: found.room.bytes_a_row(kind) for kind in STORES},
        "bytes": {kind: found.room.bytes_of(kind, found.sample.comments)._asdict() for kind in STORES},
    }


def _print(found: "Estimate") -> None:
    from rich.table import Table
    from rich.text import Text

    from moodmill.cli.printing import OUTPUT
    from moodmill.db.core.pace import clock

    sample = found.sample
    read = f"{sample.records:,} records were read" + (", which is all" if sample.is_whole else "")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for justify in ("left", "right", "left", "left"):
        table.add_column(justify=justify)
    table.add_row("comments", *_shown(sample.comments, lambda n: f"{n:,.0f}"), read)
    table.add_row("tokens", *_shown(found.tokens_a_comment, lambda n: f"{n:.0f}"), "a comment")
    table.add_row("speed", *_shown(found.comments_per_s, lambda n: f"{n:,.0f}/s"), Text(found.runs_on))
    table.add_row("time", *_shown(found.seconds, clock), Text(f"with the model {found.model}"))
    for kind, title in STORES.items():
        size = found.room.bytes_of(kind, sample.comments)
        table.add_row(title, *_shown(size, _size), f"{found.room.bytes_a_row(kind):,.0f} bytes a row, and roll-ups")
    OUTPUT.print(table)


def _shown(estimated: "Range", write: Any) -> tuple[str, str]:
    low, high = write(estimated.low), write(estimated.high)
    return write(estimated.expected), "" if low == high else f"{low} to {high}"


def _size(size: float) -> str:
    """Return bytes as people read them, as 1.2 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
