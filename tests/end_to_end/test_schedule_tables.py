"""Jobs over tables of SQL, as their users run them: each new row is labelled once, whatever is killed on the way."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, NullPool, Table, Text, create_engine, insert, text

from moodmill.producers.runs import labelling
from tests.end_to_end.conftest import Fleet
from tests.faults.servers import full_disk, small_disk
from tests.support import clean_environment, free_port, moodmill_here

#: Ids that no other test has: all of them share a store.
IDS = count(1_000_000, 1_000)

#: Runs the command line, and kills it at some call of a method of the ledger.
KILLED = """
import os, signal, sys
from itertools import count
from moodmill.cli.main import main
from moodmill.db.ledger.ledger import Ledger

method, last = sys.argv[1], int(sys.argv[2])
real, calls = getattr(Ledger, method), count(1)

def dying(*arguments):
    if next(calls) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

setattr(Ledger, method, dying)
sys.argv = ["moodmill", *sys.argv[3:]]
main()
"""


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A database with a table of comments, and the job that labels them."""

    folder: Path
    fleet: Fleet
    engine: Engine
    #: Of the first row.
    first: int
    settings: dict[str, str]

    @property
    def table(self) -> Table:
        return Table(f"Shop {self.first}", MetaData(), Column("id", Integer), Column("message", Text))

    def add(self, numbers: Sequence[int], **values: Any) -> None:
        """Put comments with these numbers, counted from the first, into the table."""
        rows = [{"id": self.first + n, "message": f"comment {n}"} | values for n in numbers]
        with self.engine.begin() as connection:
            connection.execute(insert(self.table), rows)

    def describe(self, *lines: str) -> None:
        (self.folder / "jobs.toml").write_text(
            f'[{self.folder.name}]\ncron = "15 3 * * *"\n' + "".join(f"{line}\n" for line in lines)
        )

    def run(self) -> dict[str, Any]:
        done = moodmill_here("schedule", "run", self.folder.name, "--json", cwd=self.folder, settings=self.settings)
        said: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if said["succeeded"] else 1), done.stderr
        return said

    def killed(self, method: str, call: int) -> None:
        """Run the job in a process that is killed, and let its lease pass."""
        command = [sys.executable, "-c", KILLED, method, str(call), "schedule", "run", self.folder.name]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=clean_environment(**self.settings),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        self.fleet.query("update job_run set alive_at = '2000-01-01 00:00:00' where job = ?", [self.folder.name])

    @property
    def labelled(self) -> list[int]:
        """The numbers of the rows that are labelled, under the table's name."""
        found = self.fleet.query("select comment_id from comment_emotion where source = ?", [self.table.name])
        return sorted(int(one) - self.first for (one,) in found)

    @property
    def runs(self) -> list[tuple[Any, ...]]:
        """Of each run of the job, how many records it read, and whether all are read and done."""
        return self.fleet.query(
            "select coalesce(sum(records), 0), input_closed_at is not null and coalesce(min(state), 'done') = 'done' "
            "from job_label l join run on run.id = l.run_id left join chunk on chunk.run_id = run.id "
            "where job = ? group by run.id order by run.created_at",
            [self.folder.name],
        )

    @property
    def spooled(self) -> list[Path]:
        return [file for file in (self.folder / "spool").rglob("*") if file.is_file()]


@pytest.fixture
def shop(tmp_path: Path, fleet: Fleet) -> Iterator[Shop]:
    yield from shop_at(f"sqlite:///{tmp_path / 'shop.db'}", tmp_path, fleet)


@pytest.fixture
def any_shop(database_url: str, tmp_path: Path, fleet: Fleet) -> Iterator[Shop]:
    yield from shop_at(database_url, tmp_path, fleet)


def shop_at(url: str, folder: Path, fleet: Fleet) -> Iterator[Shop]:
    settings = {"MOODMILL_SPOOL": str(folder / "spool"), "MOODMILL_CHUNK_COMMENTS": "2", "SHOP_URL": url}
    engine = create_engine(url, poolclass=NullPool)
    made = Shop(folder=folder, fleet=fleet, engine=engine, first=next(IDS), settings=settings | fleet.settings)
    made.table.create(engine)
    made.describe(
        f"table = '{made.table.name}'", "key = 'id'", "text_column = 'message'", "database_url_env = 'SHOP_URL'"
    )
    yield made


def test_each_row_of_a_table_is_labelled_once(any_shop: Shop) -> None:
    any_shop.add([3, 1])
    assert any_shop.run()["comments"] == 2
    assert any_shop.run()["runs"] == []
    any_shop.add([4, 5, 6])
    said = any_shop.run()
    assert (len(said["runs"]), said["comments"], any_shop.labelled) == (1, 3, [1, 3, 4, 5, 6])
    assert any_shop.spooled == []


def test_the_url_may_stand_in_the_file_of_settings_and_without_one_the_table_is_in_the_store(shop: Shop) -> None:
    url = shop.settings.pop("SHOP_URL")
    shop.add([1])
    (said,) = shop.run()["errors"]
    assert "SHOP_URL is not set" in said
    (shop.folder / ".env").write_text(f"SHOP_URL={url}\n")
    assert shop.run()["comments"] == 1

    table = f"comments_{shop.first}"
    shop.fleet.query(f"create table {table} (id integer, text text)")
    shop.fleet.query(f"insert into {table} values ({shop.first + 2}, 'comment 2')")
    shop.describe(f"table = '{table}'", "key = 'id'")
    assert shop.run()["comments"] == 1


def test_many_rows_come_in_several_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moodmill.producers.schedule.incremental.FILE_ROWS", 3)
    shop.add(range(7))
    assert shop.run()["comments"] == 7
    assert shop.runs == [(3, 1), (3, 1), (1, 1)]
    shop.add(range(7, 10))
    assert shop.run()["comments"] == 3
    assert shop.runs[3:] == [(3, 1)]
    assert (shop.labelled, shop.spooled) == ([*range(10)], [])


@pytest.mark.parametrize(
    ("method", "call", "runs"),
    [("create_run", 1, []), ("add_chunk", 1, [(0, 0)]), ("add_chunk", 3, [(4, 0)])],
    ids=["before its run is opened", "before anything is read", "in the middle"],
)
def test_a_job_that_is_killed_goes_on_where_it_was(
    shop: Shop, method: str, call: int, runs: list[tuple[int, int]]
) -> None:
    shop.add(range(9))
    shop.killed(method, call)
    assert shop.runs == runs
    assert len(shop.spooled) == 1  # which the run needs, or which is left over
    shop.add([9])
    said = shop.run()
    assert said["succeeded"]
    assert sum(records for records, _ in shop.runs) == 10
    assert all(done for _, done in shop.runs)
    assert (shop.labelled, shop.spooled) == ([*range(10)], [])


def test_rows_that_were_kept_and_got_lost_are_read_from_the_table_again(shop: Shop) -> None:
    shop.add(range(9))
    shop.killed("add_chunk", 3)
    (file,) = shop.spooled
    file.unlink()
    shop.add([9])
    said = shop.run()
    assert ["is given up" in one for one in said["errors"]] == [True]
    assert shop.labelled == [*range(10)]
    assert shop.runs == [(10, 1)]
    assert shop.run() == said | {"runs": [], "comments": 0, "errors": [], "succeeded": True}


def test_rows_whose_file_is_damaged_are_read_from_the_table_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(range(9))
    with monkeypatch.context() as patched:
        real = labelling.label

        def damage(store: Any, paths: Sequence[Path], *others: Any) -> Any:
            data = bytearray(paths[0].read_bytes())
            data[4:100] = b"\xff" * 96
            paths[0].write_bytes(data)
            return real(store, paths, *others)

        patched.setattr(labelling, "label", damage)
        said = shop.run()
    assert (len(said["runs"]), "is damaged" in " ".join(said["errors"]), shop.labelled) == (1, True, [])
    assert shop.run()["comments"] == 9
    assert (shop.labelled, shop.spooled) == ([*range(9)], [])


def test_a_broker_that_is_away_fails_the_job_and_costs_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moodmill.producers.schedule.incremental.FILE_ROWS", 3)
    broker = shop.settings["REDIS_URL"]
    shop.settings["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}"
    shop.add(range(7))
    (said,) = shop.run()["errors"]  # it does not try with the next rows
    assert said.startswith(shop.table.name)
    assert (shop.runs, shop.spooled) == ([], [])

    # and what a run has yet to read is kept
    shop.settings["REDIS_URL"] = broker
    shop.killed("add_chunk", 2)
    kept = shop.spooled
    shop.settings["REDIS_URL"] = f"redis://127.0.0.1:{free_port()}"
    assert len(shop.run()["errors"]) == 1
    assert (len(kept), shop.spooled) == (1, kept)
    shop.settings["REDIS_URL"] = broker
    assert shop.run()["succeeded"]
    assert (shop.labelled, shop.spooled) == ([*range(7)], [])


def test_a_row_without_a_text_is_skipped_and_does_not_hinder_later_ones(shop: Shop) -> None:
    shop.add([1, 3])
    shop.add([2], message=None)
    said = shop.run()
    assert said["succeeded"]
    assert shop.fleet.query("select reason, n from skipped where run_id = ?", said["runs"]) == [("empty", 1)]
    assert (shop.labelled, shop.spooled) == ([1, 3], [])
    shop.add([4])
    assert shop.run()["succeeded"]
    assert shop.labelled == [1, 3, 4]


def test_a_table_that_cannot_be_read_fails_the_job_until_it_can(shop: Shop) -> None:
    shop.add([1])
    with shop.engine.begin() as connection:
        connection.execute(text(f'alter table "{shop.table.name}" rename to hidden'))
    said = shop.run()
    assert (said["succeeded"], "there is no table" in " ".join(said["errors"])) == (False, True)
    with shop.engine.begin() as connection:
        connection.execute(text(f'alter table hidden rename to "{shop.table.name}"'))
    assert shop.run()["comments"] == 1


def test_a_spool_that_takes_nothing_fails_the_job_and_loses_nothing(shop: Shop) -> None:
    shop.add([1])
    (shop.folder / "spool").write_text("a file, where a folder should be")
    said = shop.run()
    assert "MOODMILL_SPOOL" in " ".join(said["errors"])
    (shop.folder / "spool").unlink()
    assert shop.run()["comments"] == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs the rights of root")
def test_a_spool_whose_disk_is_full_fails_the_job_and_loses_nothing(shop: Shop) -> None:
    shop.add([1])
    disk = shop.folder / "spool"
    disk.mkdir()
    with small_disk(disk, 1):
        with full_disk(disk):
            (said,) = shop.run()["errors"]
            assert [file.name for file in shop.spooled] == ["ballast"]
        assert said.startswith("new rows cannot be kept in ")
        assert "No space left on device; free space there, or name another folder in MOODMILL_SPOOL" in said
        assert shop.runs == []
        assert shop.run()["comments"] == 1
        assert (shop.labelled, shop.spooled) == ([1], [])


def test_list_shows_the_table_and_its_key(shop: Shop) -> None:
    (one,) = json.loads(moodmill_here("schedule", "list", "--json", cwd=shop.folder, settings=shop.settings).stdout)
    assert (one["files"], one["table"], one["key"]) == (None, shop.table.name, "id")


def test_a_text_that_is_no_utf_8_becomes_a_dead_letter(shop: Shop) -> None:
    shop.add(range(2))
    broken = f"update \"{shop.table.name}\" set message = cast(x'61ff62' as text) where id = {shop.first}"
    with shop.engine.begin() as connection:
        connection.execute(text(broken))
    shop.run()
    assert shop.labelled == [1]
    letters = shop.fleet.query("select error, payload from dead_letter where payload like ?", [f'%"{shop.first}"%'])
    ((error, payload),) = letters
    assert "UTF-8" in error
    assert "\ufffd" not in payload
