"""A run on real servers and processes, into which faults are put, and the check that all must pass afterwards."""

import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from moodmill.db.analytics.reads import RunStatus, run_ids, status
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import chunk, comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.results.row_reader import row_reader
from moodmill.worker.queue.broker import Broker as Queue
from tests import support
from tests.clocks import INJECT, clock_of, set_clock
from tests.faults.lakes import Lake, lake_settings
from tests.faults.sentinels import SentinelBroker
from tests.faults.servers import Broker, Postgres, small_disk
from tests.support import clean_environment, write_dump
from tests.worker.builders import plain_probabilities, plain_tokenizer

Process = subprocess.Popen[bytes]
Database = Literal["sqlite", "postgresql"]
Clock = Literal["worker", "label", "valkey"]

#: Comments of the dump, beside which stands a line that is no JSON.
COMMENTS: Final = 240
#: The position of that line.
BAD: Final = 50
CHUNK: Final = 8
#: Seconds for a run to end after a fault, whatever has to be started, noticed and waited for.
TIMEOUT_S: Final = 150.0
#: Words that a comment may hold, and what each does to whatever process classifies it.
POISONS: Final = {"hate": "exception", "love": "memory", "thanks": "exit", "a": "segfault"}
#: Faults that `Scene.inject` lets happen, and where.
INJECTED: Final = (
    "hang:any", "hang-with-gil:any", "exit:any", "memory:any", "segfault:any", "kill:stored", "kill:sealing",
)  # fmt: skip
#: Megabytes of a small disk: PostgreSQL takes some 40 when new, and 16 for each segment of its log.
SMALL_DISK: Final = 160


def texts(count: int, poison: Mapping[int, str]) -> list[str]:
    """Every tenth comment is gone; the others are of many lengths, and some hold one of POISONS."""
    return [
        "[deleted]" if n % 10 == 5 else f"this is {n} {'so much of the ' * (n % 7)}{poison.get(n, '')}"
        for n in range(count)
    ]


@dataclass(kw_only=True)
class Scene:
    """One run: its dump, its servers, the processes that work on it."""

    folder: Path
    model: Path
    broker: Broker
    database_url: str
    postgres: Postgres | None
    comments: int
    #: The word of POISONS in a comment, by the comment's number.
    poison: Mapping[int, str]
    settings: Mapping[str, str]
    #: Whether what is started has a clock that `set_clock` sets.
    has_clocks: bool = False
    workers: list[Process] = field(default_factory=list)
    producers: list[Process] = field(default_factory=list)
    _started: list[Process] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.database_url)
        self.store.prepare()
        self.texts = texts(self.comments, self.poison)
        self._dump = write_dump(self.folder / "RC_faults", self.texts)
        lines = self._dump.read_text().splitlines(keepends=True)
        self._dump.write_text("".join([*lines[:BAD], "no json\n", *lines[BAD:]]))
        tokens = plain_tokenizer(self.model).get_vocab()
        faults = ["slow:any"]  # so that there is a middle to put faults into
        faults += [f"{kind}:{tokens[word]}" for word, kind in POISONS.items()]
        faults += [f"{one}:{self._injected(one)}:once" for one in INJECTED]
        self.settings = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.broker.url,
            "HF_MODEL_REPO": str(self.model),
            "OMP_NUM_THREADS": "1",
            "MOODMILL_CHUNK_COMMENTS": str(CHUNK),
            "MOODMILL_BATCH_TOKENS": "64",
            "MOODMILL_LOOK_SECONDS": "1",
            "MOODMILL_STALL_SECONDS": "5",
            "PYTHONPATH": str(INJECT),
            "INJECTED_FAULT": ",".join(faults),
            **self.settings,
        }

    def set_clock(self, whose: Clock, seconds: int) -> None:
        """Set the clock of a command's processes, or of Redis, to so many seconds from now."""
        set_clock(self.folder / f"{whose}.clock", seconds)

    def start(self, *arguments: str | Path, **settings: str) -> Process:
        """Start `moodmill …`; what it says is in a file of its number."""
        if self.has_clocks:
            settings |= clock_of(self.folder / f"{arguments[0]}.clock")
        log = self.folder / f"{len(self._started)}-{arguments[0]}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "moodmill.cli.main", *map(str, arguments)],
                cwd=self.folder,
                env=clean_environment(**{**self.settings, **settings}),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def said(self) -> str:
        logs = sorted(self.folder.glob("*.log"), key=lambda log: int(log.name.partition("-")[0]))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')}" for log in logs)

    def begin(self) -> None:
        """Start a worker and the producer of the run, and wait until they are in the middle of it."""
        self.add_worker()
        self.producers = [self.start("label", self._dump)]
        self.until_done(3)

    def add_worker(self, **settings: str) -> None:
        self.workers.append(self.start("worker", **settings))

    def add_producer(self, **settings: str) -> None:
        """Start a producer that goes on with the run."""
        self.producers.append(self.start("run", "resume", self.run, **settings))

    def kill_producers(self) -> None:
        for one in self.producers:
            one.kill()
            one.wait()
        self.producers = []

    def worker_pid(self) -> int:
        """The process that classifies, below the one that watches over it."""
        watching = self.workers[-1].pid
        self.wait_until(lambda: _children(watching))
        return _children(watching)[0]

    def kill_worker(self) -> None:
        os.kill(self.worker_pid(), signal.SIGKILL)

    def inject(self, fault: str) -> None:
        """Let one of INJECTED happen once, in whatever process comes by first; no longer when none is left to do so."""
        file = self._injected(fault)
        file.touch()
        self.wait_until(lambda: not file.exists() or self.ended or self.is_unattended)
        file.unlink(missing_ok=True)

    def _injected(self, fault: str) -> Path:
        return self.folder / fault.replace(":", "-")

    @property
    def run(self) -> str:
        self.wait_until(lambda: run_ids(self.store))
        return run_ids(self.store)[0]

    @cached_property
    def chunks(self) -> int:
        """How many chunks the run has that hold comments."""
        return math.ceil((self.comments - self.texts.count("[deleted]")) / CHUNK)

    def done(self) -> int:
        """How many chunks are done."""
        with self.store.reading() as connection:
            done = (chunk.c.state == "done") & (chunk.c.comments > 0)
            return int(connection.scalar(select(func.count()).where(done)) or 0)

    @property
    def ended(self) -> bool:
        """Whether no producer is at work any more."""
        return all(one.poll() is not None for one in self.producers)

    @property
    def is_unattended(self) -> bool:
        """Whether no worker is there any more, and nobody that would start another."""
        return all(one.poll() is not None for one in self.workers)

    def until_done(self, chunks: int) -> None:
        self.wait_until(lambda: self.done() >= chunks or self.ended or self.is_unattended)

    def until_said(self, words: str) -> None:
        """Wait until a process says this, that has not said it yet."""
        before = self.said().count(words)
        self.wait_until(lambda: self.said().count(words) > before or self.ended)

    def wait_until(self, predicate: Callable[[], Any]) -> None:
        """Wait for what must come; where it does not, let all processes say what each of their threads is at."""
        try:
            support.wait_until(predicate, TIMEOUT_S)
        except AssertionError:
            for process in self._started:
                if process.poll() is None:
                    for pid in (process.pid, *_children(process.pid)):
                        os.kill(pid, signal.SIGUSR2)
            time.sleep(1)  # for them to write it
            raise

    def finish(self) -> None:
        """Wait for the producers; 1 is their answer to the line that is no JSON."""
        for one in self.producers:
            status_ = one.wait(TIMEOUT_S)
            assert status_ == 1, f"{status_}: {self.said()}"

    def check(self) -> RunStatus:
        """Every record has exactly one end, no row is there twice, all numbers are those of a run without faults."""
        found = status(self.store, self.run)
        assert found.finished, found
        assert found.adds_up, found
        assert found.read == self.comments + 1
        assert sum(found.skipped.values()) == self.texts.count("[deleted]")
        letters = [letter.position for letter in dead_letters(self.store, self.run)]
        assert sorted(letters) == sorted([BAD, *(n + (n >= BAD) for n in self.poison)])
        with self.store.reading() as connection, row_reader(connection) as reader:
            rows = [row._asdict() for row in reader.execute(select(comment_emotion))]
        stored = {row["comment_id"]: [row[name] for name in EMOTIONS] for row in rows}
        alive = [n for n, one in enumerate(self.texts) if one != "[deleted]" and n not in self.poison]
        assert len(rows) == len(stored) == found.classified
        assert set(stored) == {f"c{n}" for n in alive}
        ours = np.array([stored[f"c{n}"] for n in alive], dtype=np.float32)
        theirs = _probabilities(self.model, tuple(self.texts[n] for n in alive))
        np.testing.assert_allclose(ours, theirs, atol=1e-3, rtol=0)
        return found

    def restore(self) -> None:
        """Give back what workers hold, dead ones and living ones, as the visibility timeout would."""
        Queue(self.broker.url).requeue()

    def emptied(self) -> bool:
        """Whether no message is left in the broker."""
        return self.broker.client.llen("moodmill:chunks") == self.broker.client.hlen("moodmill:unacked") == 0

    def close(self) -> None:
        """Kill all processes; a worker ends when its standard input does."""
        for process in self._started:
            process.kill()
            process.wait()
        self.store.close()


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@lru_cache(maxsize=4)
def _probabilities(model: Path, given: Sequence[str]) -> NDArray[np.float32]:
    """What a run without faults stores."""
    return plain_probabilities(model, given)


@contextmanager
def scene(
    model: Path,
    *,
    database: Database = "sqlite",
    lake: Lake | None = None,
    aof: bool = False,
    has_sentinels: bool = False,
    is_disk_small: bool = False,
    has_clocks: bool = False,
    comments: int = COMMENTS,
    poison: Mapping[int, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Scene]:
    """Servers of its own, an empty store, and a dump: `begin` begins the run."""
    with ExitStack() as stack:
        # Not below pytest's own folder, which no other user may enter, as PostgreSQL runs as one.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodmill-faults-")))
        for name in ("valkey", "store"):
            (folder / name).mkdir()
        if is_disk_small:
            stack.enter_context(small_disk(folder / "store", SMALL_DISK))
        postgres = None
        if database == "postgresql":
            postgres = Postgres(folder / "store")
            stack.callback(postgres.stop)
        for name in get_args(Clock) if has_clocks else ():
            set_clock(folder / f"{name}.clock", 0)
        servers, clock = folder / "valkey", clock_of(folder / "valkey.clock") if has_clocks else {}
        broker = SentinelBroker(servers) if has_sentinels else Broker(servers, aof=aof, clock=clock)
        stack.callback(broker.stop)
        made = Scene(
            folder=folder,
            model=model,
            broker=broker,
            database_url=postgres.url if postgres else f"sqlite:///{folder / 'store' / 'moodmill.db'}",
            postgres=postgres,
            comments=comments,
            poison=poison or {},
            settings={**(settings or {}), **stack.enter_context(lake_settings(lake, folder))},
            has_clocks=has_clocks,
        )
        stack.callback(made.close)
        yield made
