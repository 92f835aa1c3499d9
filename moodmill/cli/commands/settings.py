"""`moodmill settings`: every setting, what is in force, and where that comes from."""

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.given import given_settings, shown_value
from moodmill.cli.known_settings import Setting, all_settings
from moodmill.cli.options import json_option
from moodmill.cli.printing import OUTPUT, print_json


@click.command()
@click.option("--markdown", is_flag=True, help="Print docs/reference/settings.md: without the values in force.")
@json_option
def settings(markdown: bool, as_json: bool) -> None:
    """Show all settings with the values in force and where these come from: environment, .env file or default."""
    found = all_settings()
    if markdown:
        click.echo(to_markdown(found), nl=False)
        return
    said = given_settings()
    listed = [(one, *said.get(one.name, (one.default, "default"))) for group in found.values() for one in group]
    if as_json:
        print_json([{**vars(one), "value": shown_value(value), "from": source} for one, value, source in listed])
        return
    table = Table(Column("setting", no_wrap=True), "value", Column("from", no_wrap=True), "meaning", box=None)
    for one, value, source in listed:
        table.add_row(*(Text(cell) for cell in (one.name, shown_value(value) or "", source, one.meaning)))
    OUTPUT.print(table)


def to_markdown(found: dict[str, list[Setting]]) -> str:
    """Return settings as a page."""
    lines = [
        "# Settings",
        "",
        "Settings come from the environment and from a `.env` file in the working folder; options of commands override",
        "them.",
    ]
    for title, group in found.items():
        lines += ["", f"## {title}", "", "| setting | default | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{one.name}` | {f'`{one.default}`' if one.default else ''} | {one.meaning} |" for one in group]
    return "\n".join(lines) + "\n"
