"""Options that say how sources are read, where what is found by itself is not what is meant."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from moodmill.cli.options import Command, stacked

#: What people write for "there is none".
NONE = "none"


def _row(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """Return the number of the row that names the columns; 0 stands for none."""
    if value is None:
        return None
    if value.lower() == NONE:
        return 0
    if not value.isascii() or not value.isdigit():
        raise click.BadParameter(f"expected the number of a line, from 1, or `{NONE}`, got {value!r}")
    return int(value)


_COLUMNS = stacked(
    click.option(
        "--text-column", metavar="NAME", help="Of tables and JSON: a name, a.dotted.path, or a number from 1."
    ),
    click.option("--id-column", metavar="NAME", help="By default id, comment_id or cid."),
    click.option("--subreddit-column", metavar="NAME", help="By default subreddit."),
    click.option("--author-column", metavar="NAME", help="By default author, user or username."),
    click.option(
        "--created-at-column", metavar="NAME", help="By default the most precise of created_utc, created_at, …"
    ),
    click.option("--title-column", metavar="NAME", help="Of posts, put before the text; by default title."),
    click.option("--link-column", metavar="NAME", help="Reddit's address of each; by default permalink or link."),
)
_OPTIONS = stacked(
    click.option("--format", "kind", metavar="KIND", help="reddit, json, csv, tsv, …; detected by default."),
    _COLUMNS,
    click.option("--delimiter", metavar="CHARACTER", help="Between the fields of a table: `;`, `|`, `tab`, …"),
    click.option("--quote", metavar="CHARACTER", help=f"Around fields of a table; `{NONE}`: nothing is quoted."),
    click.option("--escape", metavar="CHARACTER", help=f"Before a character that stands for itself; or `{NONE}`."),
    click.option("--encoding", metavar="NAME", help="Of a table: cp1252, latin-1, utf-16, …; by default UTF-8."),
    click.option("--header-row", callback=_row, metavar="LINE", help=f"The line that names the columns; or `{NONE}`."),
    click.option("--time-format", metavar="FORMAT", help="day-first, month-first, or as in '%d.%m.%Y %H:%M'."),
    click.option("--null-words", is_flag=True, help="Label NULL, NaN, \\N and their like in tables as texts."),
    click.option("--removed-titles", is_flag=True, help="Label the title of a post whose text is gone."),
)


def reading_options(command: Command) -> Command:
    """Add the options that say how sources are read; the command gets them as one ReadOptions, `reading`."""

    @wraps(command)
    def collected(**given: Any) -> Any:
        from moodmill.producers.sources import Columns, ReadOptions, checked

        columns = Columns(**{field: given.pop(f"{field}_column") for field in Columns.__slots__})
        plain = {name: given.pop(name) for name in ReadOptions.__struct_fields__ if name != "columns"}
        return command(reading=checked(ReadOptions(columns=columns, **plain)), **given)

    wrapped: Callable[..., Any] = _OPTIONS(collected)
    return wrapped
