"""Files and folders are there whole or not at all: after exceptions, kills, power cuts, and beside other processes."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from moodmill.db.core.atomicfile import atomic_file, atomic_folder, make_folder, sync_folder
from tests.powercut import Recorder, State
from tests.support import clean_environment

OLD, NEW = b"older content", b"newer content, which is longer" * 1_000


def write(to: Path) -> None:
    with atomic_file(to) as file:
        file.write(NEW[:1_000])
        file.flush()
        file.write(NEW[1_000:])


def fill(to: Path) -> None:
    with atomic_folder(to) as part:
        for name in ("a", "b"):
            (part / name).mkdir()
            (part / name / "x").write_bytes(NEW)


def recorded(root: Path, work: Callable[[], None]) -> list[State]:
    recorder = Recorder(root)
    with recorder.recording():
        work()
    return recorder.states()


def test_a_power_cut_leaves_the_older_file_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(OLD)
    states = recorded(tmp_path, lambda: write(tmp_path / "x"))
    assert len(states) > 5
    assert {state["x"] for state in states} == {OLD, NEW}


def test_a_power_cut_leaves_a_folder_whole_or_not_at_all(tmp_path: Path) -> None:
    states = recorded(tmp_path, lambda: fill(tmp_path / "x"))
    assert len(states) > 30
    for state in states:
        found = {path: content for path, content in state.items() if path.split("/")[0] == "x"}
        assert found in ({}, {"x": None, "x/a": None, "x/b": None, "x/a/x": NEW, "x/b/x": NEW})


def test_what_was_written_outlives_a_power_cut_from_then_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    with recorder.recording():
        make_folder(tmp_path / "a" / "b")
        write(tmp_path / "a" / "b" / "x")
        recorder.mark("written")
    assert [state["a/b/x"] for state in recorder.states("written")] == [NEW]


def careless_bytes(folder: Path) -> None:
    (folder / "part").write_bytes(NEW)
    (folder / "part").replace(folder / "x")
    sync_folder(folder)


def careless_name(folder: Path) -> None:
    with (folder / "part").open("wb") as file:
        file.write(NEW)
        file.flush()
        os.fsync(file.fileno())
    (folder / "part").replace(folder / "x")


def in_place(folder: Path) -> None:
    (folder / "x").write_bytes(NEW)


@pytest.mark.parametrize(
    ("work", "last"),
    [(careless_bytes, {b"", NEW[: len(NEW) // 2], bytes(len(NEW)), NEW}), (careless_name, {OLD, NEW})],
)
def test_a_cut_shows_what_was_not_put_on_the_disk(
    tmp_path: Path, work: Callable[[Path], None], last: set[bytes]
) -> None:
    """Else the tests above would prove nothing."""
    (tmp_path / "x").write_bytes(OLD)
    recorder = Recorder(tmp_path)
    with recorder.recording():
        work(tmp_path)
        recorder.mark("written")
    assert {state["x"] for state in recorder.states("written")} == last


def test_a_cut_shows_a_file_that_is_overwritten_in_part(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(OLD)
    found = {state["x"] for state in recorded(tmp_path, lambda: in_place(tmp_path))}
    assert found == {OLD, b"", NEW[: len(NEW) // 2], bytes(len(NEW)), NEW}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("opened", [atomic_file, atomic_folder])
def test_an_exception_leaves_what_was_there_and_nothing_else(
    tmp_path: Path, opened: Callable[[Path], AbstractContextManager[object]], error: type[BaseException]
) -> None:
    (tmp_path / "x").write_bytes(OLD)
    with pytest.raises(error), opened(tmp_path / "x"):
        raise error
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_bytes() == OLD


@pytest.mark.parametrize("opened", ["atomic_file", "atomic_folder"])
def test_what_a_killed_process_left_is_gone_after_the_next(tmp_path: Path, opened: str) -> None:
    program = (
        "import sys, time\nfrom pathlib import Path\n"
        f"from moodmill.db.core.atomicfile import {opened} as opened\n"
        "with opened(Path('x')) as it:\n"
        "    it.write(b'x') if hasattr(it, 'flush') else (it / 'y').touch()\n"
        "    print(flush=True)\n    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE
    )
    assert process.stdout
    process.stdout.readline()
    # as long as it lives, nobody takes its work away
    write(tmp_path / "other")
    assert len([*tmp_path.iterdir()]) == 2
    process.send_signal(signal.SIGKILL)
    process.communicate()
    write(tmp_path / "other")
    assert [one.name for one in tmp_path.iterdir()] == ["other"]


def test_many_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    def write_often(number: int) -> None:
        for _ in range(50):
            with atomic_file(tmp_path / "x") as file:
                file.write(bytes([number]) * 1_000)
            seen.append((tmp_path / "x").read_bytes())

    seen: list[bytes] = []
    threads = [threading.Thread(target=write_often, args=(number,)) for number in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(seen) == 200
    assert set(seen) <= {bytes([number]) * 1_000 for number in range(4)}
    assert [one.name for one in tmp_path.iterdir()] == ["x"]


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        write(tmp_path / "missing" / "x")
    assert caught.value.filename == str(tmp_path / "missing")


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "x").symlink_to("folder/y")
    write(tmp_path / "x")
    assert (tmp_path / "x").is_symlink()
    assert (tmp_path / "folder" / "y").read_bytes() == NEW


def test_a_folder_that_may_not_be_read_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop").chmod(0o300)
    write(tmp_path / "drop" / "x")
    (tmp_path / "drop").chmod(0o700)
    assert [one.name for one in (tmp_path / "drop").iterdir()] == ["x"]
