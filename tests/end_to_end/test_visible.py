"""What comes from outside and would command a terminal is shown, and not obeyed."""

import io
from pathlib import Path

import pytest
from rich.table import Table

from moodmill.cli.console import SafeConsole
from moodmill.cli.visible import visible
from tests.end_to_end.conftest import Fleet
from tests.support import moodmill_here

#: Clears the screen, writes to the clipboard, turns the order of letters round, and moves the cursor by C1 controls.
HOSTILE = "a\x1b[2Jb\x1b]52;c;aGk=\x07c\u202ed\x9b1A"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ü and 😀\n\ttoo", "plain, ü and 😀\n\ttoo"),
        ("\x1b[2J", "␛[2J"),
        ("\x7f\x00", "␡␀"),
        ("\x9b1A", "\\x9b1A"),
        ("\u202eabc\u2066", "\\u202eabc\\u2066"),
    ],
)
def test_commands_become_pictures_and_escapes(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_console_obeys_nothing_that_it_prints() -> None:
    out = io.StringIO()
    console = SafeConsole(file=out, force_terminal=True, width=200)
    table = Table("name")
    table.add_row(HOSTILE)
    console.print(table, HOSTILE, "[bold]x[/bold] :smile:")
    printed = out.getvalue()
    for command in ("\x1b[2J", "\x1b]52", "\u202e", "\x9b"):
        assert command not in printed
    assert "␛[2J" in printed
    assert "[bold]x[/bold] :smile:" in printed


def test_records_and_names_of_files_command_no_terminal(fleet: Fleet, tmp_path: Path) -> None:
    name = "[red]\x1b[2J.ndjson"
    (tmp_path / name).write_text(f'{{"id": "v", "body": "{HOSTILE}"\n{{"id": "visible1", "body": "a"}}\n')
    labelled = moodmill_here("label", name, cwd=tmp_path, settings=fleet.settings)
    ((run,),) = fleet.query("select run_id from source where name like '[red]%'")
    ((letter,),) = fleet.query("select id from dead_letter where run_id = ?", [run])
    shown = [
        moodmill_here("dead", *command, cwd=tmp_path, settings=fleet.settings)
        for command in (("list", run), ("show", str(letter)), ("show", str(letter), "--json"), ("list", "--json"))
    ]
    for done in (labelled, *shown):
        printed = done.stdout + done.stderr
        assert "\x1b" not in printed
        assert "\x9b" not in printed
    assert "[red]␛[2J.ndjson" in shown[1].stdout
