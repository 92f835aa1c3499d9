"""Commands at once on one store: all end well, and every record of every run has exactly one end."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import func, select, update

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.database.schema import comment_emotion, dead_letter
from moodmill.db.database.store import Store
from tests.support import clean_environment, wait_until, write_dump

COMMENTS: Final = 150
#: What people and service managers do while a run is under way.
BESIDE: Final = (
    ["export", "rows.parquet"], ["report", "page.html"], ["db", "rollup"],
    ["db", "prune", "--before", "2000-01", "--yes"], ["db", "upgrade"], ["run", "list"], ["dead", "list"],
)  # fmt: skip


class Commands:
    """Commands on one store, as processes of one folder."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self._environment = clean_environment(**settings, OMP_NUM_THREADS="1", MOODMILL_CHUNK_COMMENTS="4")

    def start(self, *arguments: str | Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "moodmill.cli.main", *map(str, arguments)],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def ended(process: "subprocess.Popen[str]", status_: int = 0) -> None:
    said = process.communicate(timeout=300)[0]
    assert process.returncode == status_, said
    assert "internal error" not in said
    assert "waits:" not in said, "it found the store locked for a minute"


def whole(store: Store, records: int) -> None:
    """Each run has so many records, each with one end; each row was added by one of them."""
    found = [status(store, run) for run in run_ids(store)]
    assert [(one.finished, one.adds_up, one.read, one.waiting) for one in found] == [(True, True, records, 0)] * len(
        found
    )
    with store.reading() as connection:
        rows = connection.scalar(select(func.count()).select_from(comment_emotion))
    assert sum(one.new_rows for one in found) == rows


@pytest.mark.parametrize("second", [pytest.param("the same dump", marks=pytest.mark.long), "another dump"])
def test_two_runs_at_once_into_a_new_sqlite_file_both_end_well(tmp_path: Path, tiny_model: Path, second: str) -> None:
    commands = Commands(tmp_path, HF_MODEL_REPO=str(tiny_model))
    one = write_dump(tmp_path / "RC_one", [f"this is {n}" for n in range(COMMENTS)])
    lines = one.read_text().replace('"c', '"d')
    (tmp_path / "RC_other").write_text(lines)
    for process in [commands.start("label", one), commands.start("label", one if "same" in second else "RC_other")]:
        ended(process)
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    whole(store, COMMENTS)
    assert [status(store, run).classified for run in run_ids(store)] == [COMMENTS] * 2
    store.close()


@pytest.mark.long
def test_two_runs_at_once_into_postgresql_share_a_broker_and_its_workers(
    tmp_path: Path, tiny_model: Path, postgres_store: Store, own_redis_url: str
) -> None:
    url = postgres_store.url.render_as_string(hide_password=False)
    commands = Commands(tmp_path, HF_MODEL_REPO=str(tiny_model), DATABASE_URL=url, REDIS_URL=own_redis_url)
    one = write_dump(tmp_path / "RC_one", [f"this is {n}" for n in range(COMMENTS)])
    for process in [commands.start("label", "--with-worker", one) for _ in range(2)]:
        ended(process)
    whole(postgres_store, COMMENTS)


@pytest.mark.long
def test_whatever_else_is_done_while_a_run_is_under_way_ends_well_and_so_does_the_run(
    tmp_path: Path, tiny_model: Path, sqlite_store: Store
) -> None:
    commands = Commands(
        tmp_path, HF_MODEL_REPO=str(tiny_model), DATABASE_URL=sqlite_store.url.render_as_string(hide_password=False)
    )
    texts = [f"this is {n}" for n in range(COMMENTS)]
    # given a run with a dead letter that can be replayed
    first = write_dump(tmp_path / "RC_first", texts[1:])
    first.write_text(f"{first.read_text()}no json\n")
    ended(commands.start("label", first), 1)
    with sqlite_store.writing() as connection:
        connection.execute(update(dead_letter).values(payload=json.dumps({"id": "late", "body": "i love this"})))
    # when it is, and all the rest is done, while another run is under way
    (tmp_path / "RC_second").write_text(write_dump(tmp_path / "RC_new", texts * 4).read_text().replace('"c', '"d'))
    label = commands.start("label", "RC_second")
    wait_until(lambda: len(run_ids(sqlite_store)) == 2)
    replay = commands.start("dead", "replay", "--run", run_ids(sqlite_store)[-1])
    for arguments in BESIDE:
        ended(commands.start(*arguments))
    for process in (replay, label):
        ended(process)
    # then
    assert [status(sqlite_store, run).dead for run in run_ids(sqlite_store)] == [0, 0]
    assert sum(status(sqlite_store, run).classified for run in run_ids(sqlite_store)) == 5 * COMMENTS
