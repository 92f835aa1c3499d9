"""What lies in Redis, whoever put it there, neither stops whoever reads it nor comes back for ever."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from kombu.connection import Connection
from kombu.transport import redis as redis_transport
from prometheus_client import REGISTRY

from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import VISIBILITY_TIMEOUT_S, app
from moodmill.worker.queue.envelope import QUEUE
from moodmill.worker.queue.message import ChunkMessage, read_message
from moodmill.worker.queue.transport import QUARANTINED_KEPT, Transport
from tests.clocks import clock_of, set_clock
from tests.support import clean_environment
from tests.worker.builders import chunk_of
from tests.worker.queue.test_envelope import GOOD, NASTY, item_of

#: Each of the ways in which a field of a message may be another thing, and what is no message at all.
MALFORMED = [
    *(item_of(GOOD | {field: value}) for field in GOOD for value in NASTY if value != GOOD[field]),
    b"no json", b"\xff\xfe", b"17", b"null", b"[" * 100_000, b"9" * 5_000,
]  # fmt: skip


def drain(queue: Broker, wanted: int) -> list[ChunkMessage]:
    """Take messages as a worker does, until so many chunks came; acknowledge them."""
    taken: list[ChunkMessage] = []

    def take(body: Any, message: Any) -> None:
        taken.append(read_message(body[0][0]))
        message.ack()

    with queue.connection() as connection, app.amqp.TaskConsumer(connection, on_message=None) as consumer:
        consumer.register_callback(take)
        consumer.consume()
        while len(taken) < wanted:
            connection.drain_events(timeout=10)
    return taken


def quarantined() -> float:
    return REGISTRY.get_sample_value("moodmill_quarantined_messages_total") or 0.0


def test_malformed_messages_are_quarantined_and_counted_and_chunks_come_through(
    broker: redis.Redis, caplog: pytest.LogCaptureFixture, queue: Broker
) -> None:
    before = quarantined()
    first, last = chunk_of(["i love this"], number=1), chunk_of(["thanks"], number=2)
    queue.send(first)
    broker.lpush("moodmill:chunks", *MALFORMED)
    queue.send(last)
    assert drain(queue, 2) == [first, last]
    assert quarantined() - before == len(MALFORMED)
    assert broker.llen("moodmill:quarantine") == QUARANTINED_KEPT
    assert broker.lindex("moodmill:quarantine", 0) == MALFORMED[-1]
    assert (broker.llen("moodmill:chunks"), broker.hlen("moodmill:unacked")) == (0, 0)
    assert "in quarantine, the list moodmill:quarantine" in caplog.text
    assert "i love this" not in caplog.text, "logs carry no text of a comment"


def test_what_was_taken_and_is_no_message_is_quarantined_when_it_is_given_back(
    broker: redis.Redis, queue: Broker
) -> None:
    before = quarantined()
    good = json.dumps([GOOD, "", QUEUE]).encode()
    entries = {b"good": good, b"json": b"no json", b"null": b"null", b"type": b'{"__type__":"uuid","__value__":1}',
               b"\xff": b"\xff", b"deep": b"[" * 100_000}  # fmt: skip
    broker.hset("moodmill:unacked", mapping=entries)  # type: ignore[arg-type]
    broker.zadd("moodmill:unacked_index", dict.fromkeys([*entries, b"nothing"], 1.0))
    assert list(queue.snapshot().taken) == [("20240301-abc", 3)]
    queue.requeue()
    assert quarantined() - before == len(entries) - 1
    assert broker.llen("moodmill:quarantine") == len(entries) - 1
    assert (broker.zcard("moodmill:unacked_index"), broker.hlen("moodmill:unacked")) == (0, 0)
    assert [chunk.number for chunk in drain(queue, 1)] == [3]


def test_whoever_looks_for_chunks_passes_over_what_is_none(broker: redis.Redis, queue: Broker) -> None:
    queue.send(chunk_of(["thanks"], run="r", number=2))
    digits = GOOD | {"headers": GOOD["headers"] | {"argsrepr": "x/" + "9" * 5_000}}
    broker.lpush("moodmill:chunks", *MALFORMED, item_of(digits))
    broker.hset("moodmill:unacked", mapping={b"\xff": b"\xff", b"a": b"[" * 100_000, b"b": item_of([digits, "", ""])})
    assert ("r", 2) in queue.snapshot().queued
    assert queue.snapshot().taken == {}
    assert queue.statistics().queued == len(MALFORMED) + 2


def test_a_full_broker_that_cannot_keep_it_in_quarantine_stops_nobody(
    broker: redis.Redis, caplog: pytest.LogCaptureFixture, queue: Broker
) -> None:
    chunk = chunk_of(["thanks"])
    queue.send(chunk)
    broker.set("moodmill:quarantine", "no list")
    broker.rpush("moodmill:chunks", b"no json")
    with caplog.at_level(logging.ERROR):
        assert drain(queue, 1) == [chunk]
    assert "cannot be kept in quarantine" in caplog.text


#: Takes a message, as a worker that dies with it, or only looks; then gives back what was taken too long ago.
WORKER = """
import os, sys
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import app
broker = Broker(os.environ["REDIS_URL"])
with broker.connection() as connection, app.amqp.TaskConsumer(connection, on_message=None) as consumer:
    consumer.register_callback(lambda body, message: None)
    consumer.consume()
    if sys.argv[1] == "take":
        connection.drain_events(timeout=10)
    connection.default_channel.qos.restore_visible()
    os._exit(0)
"""


def test_clocks_that_differ_give_nothing_back_that_was_just_taken(
    broker: redis.Redis, redis_url: str, tmp_path: Path, queue: Broker
) -> None:
    def run(step: str, clock: float) -> None:
        set_clock(tmp_path / "clock", clock)
        environment = clean_environment(REDIS_URL=redis_url, **clock_of(tmp_path / "clock"))
        subprocess.run([sys.executable, "-P", "-c", WORKER, step], env=environment, check=True)

    queue.send(chunk_of(["thanks"]))
    run("take", -2 * VISIBILITY_TIMEOUT_S)
    run("look", 0)
    run("look", 2 * VISIBILITY_TIMEOUT_S)
    assert (broker.llen("moodmill:chunks"), broker.hlen("moodmill:unacked")) == (0, 1)
    # and what was taken an hour ago is given back, whatever the clock
    [tag] = broker.hkeys("moodmill:unacked")
    broker.zincrby("moodmill:unacked_index", -VISIBILITY_TIMEOUT_S, tag)
    run("look", -2 * VISIBILITY_TIMEOUT_S)
    assert (broker.llen("moodmill:chunks"), broker.hlen("moodmill:unacked")) == (1, 0)


def test_whatever_else_in_the_process_uses_kombu_keeps_its_own(redis_url: str, queue: Broker) -> None:
    before = type(Connection(redis_url).transport)  # type: ignore[no-untyped-call]
    queue.send(chunk_of(["thanks"]))
    with queue.connection() as connection, queue._producers.acquire(block=True) as producer:  # type: ignore[no-untyped-call]
        assert type(connection.transport) is type(connection.clone().transport) is Transport
        assert type(producer.channel) is Transport.Channel
    assert type(Connection(redis_url).transport) is before is redis_transport.Transport  # type: ignore[no-untyped-call]
