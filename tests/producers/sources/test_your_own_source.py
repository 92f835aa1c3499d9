"""docs/how-to/your-own-source.md is true: its job is one, its view is SQL, and its kind of file keeps the contract."""

import inspect
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

import moodmill
from moodmill.producers.schedule.jobs import read_jobs
from moodmill.producers.sources import kinds, registry
from moodmill.producers.sources.layout import Columns
from moodmill.producers.sources.record import Source
from moodmill.producers.sources.sqltable import FIELDS, SqlTable
from tests.producers.sources import test_contract as contract
from tests.producers.sources.test_support import bads, comments, read_all, write

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = re.findall(
    r"```(\w+)\n(.*?)```", (ROOT / "docs" / "how-to" / "your-own-source.md").read_text(encoding="utf-8"), re.DOTALL
)
((_, JOB),) = [block for block in BLOCKS if block[0] == "toml"]
((_, VIEW),) = [block for block in BLOCKS if block[0] == "sql"]
(KIND, LINE) = [code for language, code in BLOCKS if language == "python"]
PROMISES = [check for name, check in vars(contract).items() if name.startswith("test_")]


@pytest.fixture
def chat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A chat log, opened by what the page adds to the registry."""
    module = ModuleType("chatlog")
    exec(compile(KIND, "your-own-source.md", "exec"), vars(module))
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds.kinds()))
    exec(LINE, {"moodmill": moodmill, "ChatLog": vars(module)["ChatLog"]})
    lines = [f"2024-03-01T12:00:{n:02}Z\tanna\tcomment {n}" if n % 5 else f"line {n}" for n in range(1, contract.ROWS)]
    return registry.open_source(write(tmp_path / "monday.chat.zst", "\n".join(lines)))


@pytest.mark.parametrize("promise", PROMISES)
def test_the_new_kind_of_file_keeps_the_contract(promise: Callable[..., None], chat: Source, tmp_path: Path) -> None:
    given = {"source": chat, "tmp_path": tmp_path}
    promise(**{name: given[name] for name in inspect.signature(promise).parameters})


def test_the_new_kind_of_file_has_comments_and_bad_records(chat: Source) -> None:
    records = read_all(chat)
    first = comments(records)[0]
    assert (first.text, first.author, str(first.created_at)) == ("comment 1", "anna", "2024-03-01 12:00:01+00:00")
    assert [one.error for one in bads(records)] == ["expected 3 fields with tabs between, found 1"] * 4


def test_the_job_is_one_and_the_view_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "jobs.toml").write_text(JOB)
    (job,) = read_jobs(tmp_path / "jobs.toml").values()
    assert (job.table, job.key, job.columns.author) == ("shop.comments", "id", "customer")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("create table comments (id integer primary key, message text, written_at timestamp)")
        shop.execute("insert into comments values (7, 'a text', '2024-03-01 12:00:00')")
        shop.execute(VIEW)
    table = SqlTable(f"sqlite:///{tmp_path / 'shop.db'}", "labelled_comments", "id", Columns(id="comment_id"))
    (row,) = table.rows(None, 10, 60)
    assert dict(zip(FIELDS, row.fields, strict=True)) == {
        "text": "a text",
        "id": "shop-7",
        "subreddit": None,
        "author": None,
        "created_at": "2024-03-01 12:00:00",
    }


def test_a_kind_that_a_package_brings_is_known_and_a_broken_one_is_said_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given two packages, as pip installs them
    (tmp_path / "chatlog.py").write_text(KIND)
    entries = f"[{kinds.GROUP}]\nchat = chatlog:ChatLog\nbroken = nowhere:Nothing\n"
    (tmp_path / "chatlog-1.dist-info").mkdir()
    (tmp_path / "chatlog-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: chatlog\nVersion: 1\n")
    (tmp_path / "chatlog-1.dist-info" / "entry_points.txt").write_text(entries)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds.kinds()))
    kinds._load_installed.cache_clear()
    # then
    opened = registry.open_source(write(tmp_path / "monday.chat", "2024-03-01T12:00:00Z\tanna\thello"))
    assert opened.inspect().kind == "chat"
    assert "the source 'broken' of the package chatlog cannot be used: No module named 'nowhere'" in caplog.text


@pytest.mark.parametrize(
    ("kind", "named", "said"),
    [
        ("csv", {}, "the kind of source 'csv' is there already"),
        ("chat", {"suffixes": [".CSV"]}, "files that end in .csv are of the kind 'csv' already"),
        ("chat", {"suffixes": ["chat"]}, "expected a suffix like .chat"),
        ("chat", {"options": ["colour"]}, "takes 'colour', which is no option of reading"),
    ],
)
def test_a_kind_that_would_hide_another_is_refused(kind: str, named: dict[str, list[str]], said: str) -> None:
    before = dict(kinds.kinds())
    with pytest.raises(moodmill.SettingError, match=said):
        moodmill.register_source(kind, lambda *_: None, **named)  # type: ignore[arg-type]
    assert kinds.kinds() == before
