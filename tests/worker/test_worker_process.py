"""Real workers: `celery -A worker worker` processes on a real broker."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from db.errors import WorkerError
from db.store import Store
from tests.support import clean_environment, make_model, wait_until
from tests.worker.builders import TEXTS, open_run, plain_probabilities, results, states
from worker.broker import send_chunk, waiting_messages
from worker.celery_app import TASK, app, worker_arguments
from worker.local import LocalWorker, local_worker
from worker.message import VERSION, ChunkMessage

#: Seconds for a worker to import torch and load its model on a busy machine.
START_S = 60
#: The command line of who knows Celery and not us: nothing but the environment tells the worker what to do.
PLAIN = ["worker"]


@dataclass
class Place:
    """Where a worker works: its broker, its store, its model, and the file that it logs into."""

    broker: redis.Redis
    store: Store
    settings: dict[str, str]
    log: Path

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def queued(self) -> int:
        """How many chunks lie in the queue; those that a worker took are not among them."""
        return int(self.broker.llen("moodmill:chunks"))

    def taken(self) -> int:
        return int(self.broker.hlen("moodmill:unacked"))


@pytest.fixture
def place(broker: redis.Redis, redis_url: str, sqlite_store: Store, tiny_model: Path, tmp_path: Path) -> Place:
    settings = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": sqlite_store.url.render_as_string(),
        "HF_MODEL_REPO": str(tiny_model),
        "MOODMILL_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }
    return Place(broker, sqlite_store, settings, tmp_path / "worker.log")


@contextmanager
def running(place: Place, arguments: Sequence[str], **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `celery -A worker …`, and kill it where the test has not ended it."""
    with (
        place.log.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "worker", *arguments],
            env=clean_environment(**place.settings, **settings),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def send_all(messages: Sequence[ChunkMessage]) -> None:
    for message in messages:
        send_chunk(message)


def test_a_sent_chunk_is_classified_and_stored(place: Place, tiny_model: Path) -> None:
    send_all(open_run(place.store, TEXTS))
    with local_worker(place.settings) as worker:
        wait_until(lambda: states(place.store) == ["done"], START_S)
        wait_until(lambda: waiting_messages() == 0)
        worker.check()
    joy = [row["joy"] for row in results(place.store)]
    assert joy == pytest.approx(plain_probabilities(tiny_model, TEXTS)[:, 17], abs=1e-5)


def test_the_plain_command_works_through_what_is_no_chunk_and_leaves_what_is_newer(place: Place) -> None:
    [before, newer, after] = open_run(place.store, ["i love this"], ["from the future"], ["thanks"])
    send_chunk(before)
    for malformed in (["nonsense"], [{"run": "r"}], []):
        app.send_task(TASK, args=malformed)
    app.send_task(TASK, args=[newer.to_json() | {"version": VERSION + 1}])
    send_chunk(after)
    with running(place, PLAIN) as process:
        wait_until(lambda: states(place.store) == ["done", "pending", "done"], START_S)
        # It was taken, and lies there again.
        wait_until(lambda: place.said().count("left for a newer worker") >= 2)
        assert waiting_messages() == 1
        process.terminate()
        assert process.wait(60) == 0
    assert (place.queued(), place.taken()) == (1, 0)
    assert "expected a chunk message" in place.said()
    assert "thanks" not in place.said(), "logs carry no text of a comment"


def test_sigterm_finishes_the_chunk_in_work_and_leaves_the_others(place: Place) -> None:
    with running(place, worker_arguments(), MOODMILL_THREADS="1") as process:
        wait_until(lambda: "waiting for chunks" in place.said(), START_S)
        messages = open_run(place.store, *([text] for text in TEXTS))
        with place.store.writing():  # nobody else can write now: the first chunk stays in work
            send_all(messages)
            wait_until(lambda: place.taken() == 1)
            process.terminate()
            wait_until(lambda: "Warm shutdown" in place.said())
            assert process.poll() is None
        assert process.wait(60) == 0
    assert states(place.store) == ["done", "pending", "pending", "pending"]
    assert (place.queued(), place.taken()) == (3, 0)


def test_a_worker_whose_model_is_broken_ends_at_once_and_takes_nothing(place: Place, tmp_path: Path) -> None:
    broken = make_model(tmp_path / "broken")
    (broken / "model.safetensors").unlink()
    send_all(open_run(place.store, TEXTS))
    worker = LocalWorker(place.settings | {"HF_MODEL_REPO": str(broken)}, place.log)
    try:
        wait_until(lambda: "error: " in place.said(), START_S)
        with pytest.raises(
            WorkerError, match=r"^the worker ended: the model .*broken has no weights as \*\.safetensors"
        ):
            wait_until(worker.check, 10)
    finally:
        worker.stop()
    said = [line for line in place.said().splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert "Traceback" not in place.said()
    assert (place.queued(), place.taken()) == (1, 0)


def test_a_worker_of_one_run_ends_with_whoever_started_it(place: Place) -> None:
    with running(place, worker_arguments(), MOODMILL_EXIT_WITH_PARENT="1") as process:
        wait_until(lambda: "waiting for chunks" in place.said(), START_S)
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0
