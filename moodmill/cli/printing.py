"""How results look: tables for people, JSON for scripts."""

import json
import sys
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from moodmill.cli.console import SafeConsole
from moodmill.cli.remarks import remarks
from moodmill.cli.visible import visible
from moodmill.db.core.comment import ANOTHER_ID
from moodmill.db.core.text import is_utf8

if TYPE_CHECKING:
    from moodmill.db.analytics.reads import RunStatus
    from moodmill.db.database.store import Store

#: Where tables go. Progress and remarks go to standard error, so that output can be piped.
OUTPUT = SafeConsole()
REMARKS = SafeConsole(stderr=True)
#: As REMARKS, and not silenced by --quiet.
ERRORS = SafeConsole(stderr=True)
#: Files that cannot be read, of which a summary gives the reason.
SHOWN_ERRORS = 10
#: Characters of the column in which a summary says what a line is about.
TITLE = 14
#: How a moment of the schedule looks.
MINUTE = "%Y-%m-%d %H:%M"


def print_json(value: Any) -> None:
    """Print one JSON value."""
    click.echo(_json(value, indent=2))


def print_json_array(values: Iterable[Any]) -> None:
    """Print a JSON array value by value, in flat memory."""
    before = "["
    for value in values:
        click.echo(f"{before}\n{_json(value)}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _json(value: Any, indent: int | None = None) -> str:
    written = json.dumps(value, indent=indent, ensure_ascii=False, default=_json_value)
    # Names of columns may hold what no UTF-8 does, and any text what commands a terminal.
    is_plain = is_utf8(written) and visible(written) == written and _is_shown(written)
    return written if is_plain else json.dumps(value, indent=indent, default=_json_value)


def _json_value(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_shown(text: str) -> bool:
    """Tell whether standard output knows all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def status_json(status: "RunStatus") -> dict[str, Any]:
    """Return a run's status as `--json` shows it."""
    return {
        "run": status.id,
        "state": status.state,
        "engine": status.engine,
        "created_at": status.created_at.isoformat(),
        "sources": list(status.sources),
        "source_errors": dict(status.source_errors),
        "read": status.read,
        "classified": status.classified,
        "new_rows": status.new_rows,
        "skipped": dict(status.skipped),
        "dead": status.dead,
        "waiting": status.waiting,
        "chunks": status.chunks,
        "pending_chunks": status.pending_chunks,
        "failed_chunks": status.failed_chunks,
        "failure": status.failure,
        "notes": {kind: {"n": note.n, "example": note.example} for kind, note in status.notes.items()},
        "passed_over": {reason: list(names) for reason, names in status.passed_over.items()},
        "layouts": {name: dict(layout) for name, layout in status.layouts.items()},
        "adds_up": status.adds_up,
    }


def print_status(status: "RunStatus", store: "Store") -> None:
    """Print a run as a sum that adds up, and what to do about what went wrong."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    table.add_row("run", "", f"{status.id}, {status.state}")
    known = status.labelled_before
    rows = f"{status.new_rows:,} of them new in the store" + (f", {known:,} labelled before" if known else "")
    table.add_row("read", f"{status.read:,}", Text(f"records of {_sources(status.sources)}"))
    table.add_row("= classified", f"{status.classified:,}", rows)
    if ANOTHER_ID in status.notes:
        kept = status.notes[ANOTHER_ID].n
        table.add_row("", "", f"{kept:,} of them under their id and a hash: another text has their id")
    for reason, n in status.skipped.items():
        table.add_row("+ skipped", f"{n:,}", reason)
    if not status.skipped:
        table.add_row("+ skipped", "0", "")
    table.add_row("+ dead", f"{status.dead:,}", "")
    if status.waiting:
        table.add_row("+ waiting", f"{status.waiting:,}", f"in {status.pending_chunks + status.failed_chunks} chunks")
    if not status.adds_up:
        table.add_row("", "", "THE NUMBERS DO NOT ADD UP: please report this")
    OUTPUT.print(table)
    for title, remark in remarks(status):
        OUTPUT.print(Text(f"{title:<{TITLE}}{remark}"), soft_wrap=True)
    OUTPUT.print(Text(f"{'store':<{TITLE}}{store.shown}"), soft_wrap=True)  # whole, to be copied


def print_troubles(status: "RunStatus") -> None:
    """Say on standard error what went wrong in a run, and what finishes it."""
    errors = [error if name in error else f"{name}: {error}" for name, error in status.source_errors.items()]
    for error in errors[:SHOWN_ERRORS]:
        _error(error)
    if len(errors) > SHOWN_ERRORS:
        more = len(errors) - SHOWN_ERRORS
        _error(f"{more:,} more files cannot be read: `moodmill run show {status.id} --json` names them")
    if status.failure:
        remedy = f"`moodmill run resume {status.id}` tries them again"
        _error(f"{status.failed_chunks} chunks failed: {status.failure}; {remedy}")
    elif not status.finished:
        REMARKS.print(Text(f"`moodmill run resume {status.id}` finishes this run."), soft_wrap=True)
    if status.dead:
        _error(f"{status.dead:,} records are dead letters: `moodmill dead list {status.id}` shows them")


def _error(message: str) -> None:
    ERRORS.print(Text(f"error: {' '.join(message.split())}"), soft_wrap=True)


def _sources(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} files"
