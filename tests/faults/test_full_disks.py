"""Disks full where other files than the store are written: one line, nothing half written, nothing lost."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import classified, comments, stored
from tests.faults.servers import full_disk, small_disk
from tests.support import moodmill, moodmill_here, write_dump

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs the rights of root")
#: Of the small disk.
MEGABYTES = 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, MEGABYTES):
        yield folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that lies elsewhere, with 20 rows."""
    opened = Store(f"sqlite:///{tmp_path}/moodmill.db")
    opened.prepare()
    register_model(opened, "m", dict.fromkeys(EMOTIONS, 0.5))
    stored(opened, classified(comments(range(20)), keep_text=True))
    yield opened
    opened.close()


@needs_root
@pytest.mark.parametrize("command", ["label", "enqueue"])
def test_standard_input_that_finds_no_room_is_told_and_can_be_given_again(
    disk: Path, store: Store, own_redis_url: str, tmp_path: Path, command: str
) -> None:
    # given more than the disk of the spool holds
    dump = write_dump(tmp_path / "RC_x", [f"{n} {'x' * 50_000}" for n in range(60)]).read_bytes()
    before = run_ids(store)
    settings = {"REDIS_URL": own_redis_url, "MOODMILL_SPOOL": str(disk / "spool")}

    # then there is one line, and nothing else
    done = moodmill(command, "-", cwd=tmp_path, settings=settings, stdin=dump)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"error: standard input cannot be kept in {disk}/spool: No space left on device; "
        "free space there, or name another folder in MOODMILL_SPOOL"
    ]
    assert [*(disk / "spool").iterdir()] == []
    assert shutil.disk_usage(disk).used < 10_000
    assert run_ids(store) == before

    # and it works elsewhere
    if command == "enqueue":
        settings["MOODMILL_SPOOL"] = str(tmp_path / "spool")
        assert moodmill(command, "-", cwd=tmp_path, settings=settings, stdin=dump).returncode == 0
        [run] = set(run_ids(store)) - set(before)
        assert status(store, run).read == 60


@needs_root
@pytest.mark.parametrize("arguments", [["x.parquet"], ["x.csv"], ["x.ndjson"], ["x", "--by-month"]])
def test_an_export_that_finds_no_room_is_told_and_leaves_nothing(
    disk: Path, store: Store, tmp_path: Path, arguments: list[str]
) -> None:
    to, *options = arguments
    with full_disk(disk):
        done = moodmill_here("export", disk / to, *options, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"error: cannot write {disk / to}: ")
        assert "No space left on device" in line
        assert line.endswith(": make room on its disk")
        assert [one.name for one in disk.iterdir()] == ["ballast"]
    assert "20 rows" in moodmill_here("export", disk / to, *options, cwd=tmp_path).stdout


@needs_root
def test_a_report_that_finds_no_room_leaves_the_older_one(store: Store, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, 10 * MEGABYTES):  # a page has 5 MB
        command = ("report", disk / "x.html")
        assert moodmill_here(*command, cwd=tmp_path).returncode == 0
        older = (disk / "x.html").read_bytes()
        with full_disk(disk):
            done = moodmill_here(*command, cwd=tmp_path)
            assert done.returncode == 2
            said = f"error: cannot write {disk}/x.html: No space left on device: make room on its disk"
            assert done.stderr.splitlines() == [said]
            assert {one.name for one in disk.iterdir()} == {"ballast", "x.html"}
            assert (disk / "x.html").read_bytes() == older
