"""Real workers: `celery -A moodmill.worker worker` processes on a real broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import WorkerError
from moodmill.db.database.store import Store
from moodmill.db.ledger.ledger import Ledger, count_done
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import app
from moodmill.worker.queue.envelope import TASK
from moodmill.worker.queue.message import VERSION, ChunkMessage
from moodmill.worker.runtime.processor import MAX_TRIES
from moodmill.worker.runtime.supervisor import Supervisor
from tests.support import ROOT, clean_environment, make_model, wait_until
from tests.worker.builders import (
    POISON,
    TEXTS,
    chunk_of,
    chunks,
    dead_letters,
    open_run,
    plain_probabilities,
    plain_tokenizer,
    results,
    states,
)
from tests.worker.queue.test_transport import MALFORMED

#: Gives a worker's model a fault.
INJECT = ROOT / "tests" / "faults" / "inject"
#: Seconds for a worker to import torch and load its model on a busy machine.
START_S = 120
#: The command line of who knows Celery and not us: nothing but the environment tells the worker what to do.
PLAIN = ["worker"]
#: And that of who has heard that our workers do not talk to each other.
WORKER = [*PLAIN, "--loglevel", "INFO", "--without-gossip", "--without-mingle", "--without-heartbeat"]


@dataclass
class Place:
    """Where a worker works: its broker, its store, its model, and the file that it logs into."""

    broker: redis.Redis
    queue: Broker
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
def place(
    broker: redis.Redis, queue: Broker, redis_url: str, sqlite_store: Store, tiny_model: Path, tmp_path: Path
) -> Place:
    settings = {
        "REDIS_URL": redis_url,
        "DATABASE_URL": sqlite_store.url.render_as_string(),
        "HF_MODEL_REPO": str(tiny_model),
        "MOODMILL_DEVICE": "cpu",
        "OMP_NUM_THREADS": "1",
    }
    return Place(broker, queue, sqlite_store, settings, tmp_path / "worker.log")


@contextmanager
def running(place: Place, arguments: Sequence[str], **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `celery -A moodmill.worker …`, and kill it where the test has not ended it."""
    with (
        place.log.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "moodmill.worker", *arguments],
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


def send_all(place: Place, messages: Sequence[ChunkMessage]) -> None:
    for message in messages:
        place.queue.send(message)


def test_a_sent_chunk_is_classified_and_stored_by_a_worker_that_ends_with_whoever_started_it(
    place: Place, tiny_model: Path
) -> None:
    send_all(place, open_run(place.store, TEXTS))
    with running(place, WORKER, MOODMILL_EXIT_WITH_PARENT="1") as process:
        wait_until(lambda: states(place.store) == ["done"], START_S)
        wait_until(lambda: place.queue.count_messages() == 0)
        assert process.poll() is None
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0
    joy = [row["joy"] for row in results(place.store)]
    assert joy == pytest.approx(plain_probabilities(tiny_model, TEXTS)[:, 17], abs=1e-5)


def test_the_plain_command_works_through_what_is_no_chunk_and_leaves_what_is_newer(place: Place) -> None:
    [before, newer, after] = open_run(place.store, ["i love this"], ["from the future"], ["thanks"])
    place.queue.send(before)
    for malformed in (["nonsense"], [{"run": "r"}], []):
        app.send_task(connection=place.queue.connection(), name=TASK, args=malformed)
    place.broker.lpush("moodmill:chunks", *MALFORMED)
    # What kombu and Celery would stop at, decompress, or write into the log.
    for item in (b"no json: a secret", b"\xff\xfe", b"17", b"[" * 100_000):
        place.broker.lpush("moodmill:chunks", item)
    app.send_task(
        connection=place.queue.connection(), name=TASK, args=[{"a secret": "0" * 1_000_000}], compression="zlib"
    )
    app.send_task(connection=place.queue.connection(), name="celery.backend_cleanup", args=["a secret"])
    app.send_task(connection=place.queue.connection(), name=TASK, args=["a secret"], serializer="yaml")
    app.send_task(connection=place.queue.connection(), name=TASK, args=[newer.to_json() | {"version": VERSION + 1}])
    place.queue.send(after)
    with running(place, PLAIN) as process:
        wait_until(lambda: states(place.store) == ["done", "pending", "done"], START_S)
        # It was taken, and lies there again.
        wait_until(lambda: place.said().count("left for a newer worker") >= 2)
        assert place.queue.count_messages() == 1
        process.terminate()
        assert process.wait(60) == 0
    assert (place.queued(), place.taken()) == (1, 0)
    assert "expected a chunk message" in place.said()
    assert place.said().count("it is in quarantine") == len(MALFORMED) + 10
    for reason in ("is none of Celery's", "is compressed", "is for another task", "is not said to be", "holds no task"):
        assert f"a message {reason}" in place.said()
    assert "secret" not in place.said()
    assert "thanks" not in place.said(), "logs carry no text of a comment"


def test_chunks_of_a_run_that_its_store_does_not_know_are_left_for_others_and_named_once(place: Place) -> None:
    [ours] = open_run(place.store, TEXTS)
    for number in range(3):
        place.queue.send(chunk_of(["of another store"], run="elsewhere", number=number))
    with running(place, WORKER) as process:
        # It was taken, and lies there again, behind what comes later.
        wait_until(lambda: place.said().count("moodmill.classify[") >= 6, START_S)
        place.queue.send(ours)
        wait_until(lambda: states(place.store) == ["done"])
        process.terminate()
        assert process.wait(60) == 0
    assert (place.queued(), place.taken()) == (3, 0)
    assert place.said().count("the messages of this run are left for other workers") == 1
    assert "Traceback" not in place.said()


def test_chunks_of_a_run_with_another_engine_are_left_for_others_and_named_once(place: Place) -> None:
    # given a run whose first chunk was begun by another engine, and one that has none yet
    theirs = open_run(place.store, *([text] for text in TEXTS))
    [ours] = open_run(place.store, TEXTS)
    Ledger(place.store).begin(theirs[0].run, 0, "another:1:a", Engine("openvino", "int8"))
    with running(place, WORKER, MOODMILL_PRECISION="fp32") as process:
        send_all(place, theirs)
        wait_until(lambda: place.said().count("moodmill.classify[") >= 2 * len(theirs), START_S)
        place.queue.send(ours)
        wait_until(lambda: "done" in states(place.store))
        assert place.queue.engines() == {"openvino fp32"}
        process.terminate()
        assert process.wait(60) == 0
    assert (place.queued(), place.taken()) == (len(theirs), 0)
    assert place.said().count("has the engine openvino int8, this worker openvino fp32; the messages of this run") == 1
    assert "Traceback" not in place.said()
    assert str(Ledger(place.store).engine(ours.run)) == "openvino fp32"
    assert {row["tries"] for row in chunks(place.store) if row["run_id"] == theirs[0].run} == {0, 1}


def test_a_worker_that_died_is_followed_by_one_with_the_settings_of_by_then(place: Place) -> None:
    later = {"MOODMILL_PRECISION": "bf16", "MOODMILL_BATCH_TOKENS": "512"}
    first = place.settings | {"MOODMILL_PRECISION": "fp32", "MOODMILL_BATCH_TOKENS": "512"}
    worker = Supervisor(first, place.queue, log=place.log, later_settings=lambda: later)
    try:
        waited(worker, lambda: place.queue.engines() == {"openvino fp32"})
        os.kill(worker.pid, signal.SIGKILL)
        waited(worker, lambda: place.queue.engines() == {"openvino bf16"})
    finally:
        worker.stop(at_once=True)


def test_sigterm_finishes_the_chunk_in_work_and_leaves_the_others(place: Place) -> None:
    with running(place, WORKER, MOODMILL_THREADS="1") as process:
        wait_until(lambda: "waiting for chunks" in place.said(), START_S)
        messages = open_run(place.store, *([text] for text in TEXTS))
        with place.store.writing():  # nobody else can write now: the first chunk stays in work
            send_all(place, messages)
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
    send_all(place, open_run(place.store, TEXTS))
    worker = Supervisor(place.settings | {"HF_MODEL_REPO": str(broken)}, place.queue, log=place.log)
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


def faulty(place: Place, model: Path, kind: str, **settings: str) -> dict[str, str]:
    """The settings of a worker whose model has a fault at each text with POISON."""
    token = plain_tokenizer(model).convert_tokens_to_ids(POISON)
    paths = os.pathsep.join([str(INJECT), str(ROOT)])
    return place.settings | {"PYTHONPATH": paths, "INJECTED_FAULT": f"{kind}:{token}"} | settings


def waited(worker: Supervisor, done: Callable[[], bool]) -> None:
    """Watch over a worker until `done`."""

    def watched() -> bool:
        worker.check()
        return done()

    wait_until(watched, 3 * START_S)


def supervised(place: Place, settings: dict[str, str], done: Callable[[], bool]) -> None:
    """Run a worker, and others where it dies, until `done`."""
    worker = Supervisor(
        settings, place.queue, log=place.log, count_done=lambda: count_done(place.store), on_death=place.queue.requeue
    )
    try:
        waited(worker, done)
    finally:
        worker.stop(at_once=True)


def test_a_worker_told_to_stop_before_another_starts_has_stopped_well(place: Place) -> None:
    before = psutil.Process().children()
    worker = Supervisor(place.settings, place.queue, log=place.log)
    [process] = set(psutil.Process().children()) - set(before)
    process.kill()
    waited(worker, lambda: not psutil.pid_exists(process.pid))
    worker.signal(signal.SIGTERM)
    assert worker.look() == 0


def test_a_worker_keeps_to_its_processors(place: Place) -> None:
    one = max(os.sched_getaffinity(0))
    worker = Supervisor(place.settings, place.queue, log=place.log, cores=frozenset({one}))
    try:
        assert os.sched_getaffinity(worker.pid) == {one}
    finally:
        worker.stop(at_once=True)


def test_a_text_that_kills_its_worker_costs_only_itself(
    place: Place, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    send_all(place, open_run(place.store, ["i love this", "thanks", POISON], ["a", "the"]))
    supervised(place, faulty(place, tiny_model, "segfault"), lambda: states(place.store) == ["done", "done"])
    assert [row["comment_id"] for row in results(place.store)] == ["c0", "c1", "c1000", "c1001"]
    [letter] = dead_letters(place.store)
    assert (letter["position"], letter["stage"]) == (2, "classify")
    assert letter["error"] == "ended its process by SIGSEGV"
    assert caplog.text.count("the worker died (SIGSEGV); another one starts") == MAX_TRIES
    assert chunks(place.store)[0]["tries"] == MAX_TRIES + 1


def test_a_device_that_breaks_stops_its_worker_and_burns_nothing(
    place: Place, tiny_model: Path, tmp_path: Path
) -> None:
    # given a worker at work
    broken = {"INJECTED_FAULT": f"exception:any:{tmp_path / 'broken'}"}
    worker = Supervisor(
        faulty(place, tiny_model, "exception") | broken, place.queue, log=place.log, on_death=place.queue.requeue
    )
    first, second = open_run(place.store, TEXTS, TEXTS)
    try:
        place.queue.send(first)
        waited(worker, lambda: states(place.store) == ["done", "pending"])
        # when its device raises for whatever it is given
        (tmp_path / "broken").touch()
        place.queue.send(second)
        with pytest.raises(WorkerError, match=r"^the worker ended: RuntimeError: IndexError: index out of range"):
            waited(worker, lambda: False)
    finally:
        worker.stop(at_once=True)
    # then
    assert states(place.store) == ["done", "pending"]
    assert dead_letters(place.store) == []
    assert place.queued() == 1
