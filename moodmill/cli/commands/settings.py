"""`moodmill settings`: every setting, what is in force, and where that comes from."""

import inspect
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.given import given_settings, shown_value
from moodmill.cli.options import json_option
from moodmill.cli.printing import OUTPUT, print_json

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

#: Between a run and its worker, and no business of people.
HIDDEN: Final = frozenset({"moodmill_exit_with_parent"})
#: A setting in its code: comments that describe it, and its name.
_DESCRIBED: Final = re.compile(r"((?:^    #: .*\n)+)    (\w+):", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Setting:
    name: str
    #: As it would be given; None where there is no default.
    default: str | None
    meaning: str


def settings_of(kind: "type[BaseSettings]") -> list[Setting]:
    """Return the settings of a package, in the order of its code, which describes each in a comment above it."""
    comments = {
        name: " ".join(said.replace("#:", "").split()) for said, name in _DESCRIBED.findall(inspect.getsource(kind))
    }
    return [
        Setting(name=name.upper(), default=_shown(field.get_default(call_default_factory=True)), meaning=comments[name])
        for name, field in kind.model_fields.items()
        if name not in HIDDEN
    ]


def all_settings() -> dict[str, list[Setting]]:
    """Return all settings, by what they are settings of."""
    from moodmill.db.core.settings import StoreSettings
    from moodmill.producers.runs.settings import ProducerSettings
    from moodmill.worker.core.settings import WorkerSettings

    return {
        "The store": settings_of(StoreSettings),
        "Broker, model, worker and logs": settings_of(WorkerSettings),
        "Producers and schedule": settings_of(ProducerSettings),
    }


@click.command()
@click.option("--markdown", is_flag=True, help="Without what is in force, as docs/reference/settings.md has them.")
@json_option
def settings(markdown: bool, as_json: bool) -> None:
    """Show all settings: what is in force, and whether the environment, the .env file or nobody says so."""
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


def _shown(default: object) -> str | None:
    if default is None:
        return None
    if isinstance(default, float):
        return f"{default:g}"
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises where there is none
    return str(default).replace(home, "~", 1)
