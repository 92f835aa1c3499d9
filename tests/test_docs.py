"""The pages in docs/ are true as far as a machine can tell: commands exist, queries run, links lead somewhere."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from sqlalchemy import text

import moodmill
from docs import generate
from moodmill.cli.app import moodmill as command_line
from moodmill.db.analytics.words import index_texts
from moodmill.db.database.store import Store
from tests.support import moodmill_here

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
#: `moodmill …` in a block of commands or in a line of text.
COMMAND = re.compile(r"^\s*(moodmill .*)$|`(moodmill [^`]*)`", re.MULTILINE)


def commands(page: Path) -> list[str]:
    said = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = [block or inline for block, inline in COMMAND.findall(said)]
    return [" ".join(one.split("#")[0].rstrip(" &").split()) for one in found]


def unknown_part(command: str) -> str | None:
    """Return the part of a command that no command or option is named as; values and arguments may be anything."""
    words = shlex.split(command)[1:]
    current: click.Command = command_line
    for word in words:
        if word.startswith("--"):
            names = [name for one in current.params for name in (*one.opts, *one.secondary_opts)]
            if word.split("=")[0] not in [*names, "--help", "--debug"]:
                return word
        elif isinstance(current, click.Group) and not word.startswith("…"):
            found = current.get_command(click.Context(current), word)
            if found is None:
                return word
            current = found
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    for command in commands(page):
        assert unknown_part(command) is None, command


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert unknown_part("moodmill label x.zst --keep-text") is None
    assert unknown_part("moodmill label x.zst --keep-all") == "--keep-all"
    assert unknown_part("moodmill db shrink") == "shrink"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_query_of_a_page_runs(page: Path, sqlite_store: Store, request: pytest.FixtureRequest) -> None:
    for block in re.findall(r"```sql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        store = request.getfixturevalue("postgres_store") if block.startswith("-- PostgreSQL") else sqlite_store
        index_texts(store)
        for query in filter(str.strip, block.split(";")):
            with store.writing() as connection:
                connection.execute(text(query))


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_link_to_a_page_or_file_leads_there(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_alert_says_what_to_do_in_a_section_of_its_own() -> None:
    page = (ROOT / "docs" / "how-to" / "operations.md").read_text(encoding="utf-8")
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^### (.*)$", page, re.MULTILINE)}
    rules = (ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"docs/how-to/operations\.md#([\w-]+)", rules))
    assert asked == anchors


@pytest.mark.parametrize("name", generate.pages())
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert written == generate.pages()[name], "`make docs` writes it anew"


def test_every_name_of_the_python_api_is_in_its_reference() -> None:
    page = (ROOT / "docs" / "reference" / "python.md").read_text(encoding="utf-8")
    missing = [name for name in moodmill.__all__ if not name.startswith("__") and name not in page]
    assert missing == []


def test_every_setting_is_described_for_scripts_and_people(tmp_path: Path) -> None:
    shown = moodmill_here("settings", "--json", cwd=tmp_path)
    found = {one["name"]: one for one in json.loads(shown.stdout)}
    assert found["MOODMILL_THREADS"]["default"] == "16"
    assert all(one["meaning"] for one in found.values())
    assert "DATABASE_URL" in moodmill_here("settings", cwd=tmp_path).stdout
