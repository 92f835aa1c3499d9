"""What we ask the broker, and what we leave in it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import redis

from moodmill.db.core.errors import BrokerError
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.envelope import TASK
from moodmill.worker.queue.message import read_message
from tests.support import clean_environment
from tests.worker.builders import NOWHERE, chunk_of

pytestmark = pytest.mark.process


def test_a_sent_chunk_waits_in_the_broker_as_it_was(broker: redis.Redis, queue: Broker) -> None:
    queue.check()
    assert queue.count_messages() == 0
    queue.send(chunk_of(["i love this"], run="20240301-abc", number=3))
    queue.send(chunk_of(["thanks"]))
    assert queue.count_messages() == 2
    envelope = json.loads(broker.lrange("moodmill:chunks", -1, -1)[0])
    with queue.connection() as connection:
        received = connection.default_channel.message_to_python(envelope).decode()
    [arguments], _, _ = received
    assert read_message(arguments) == chunk_of(["i love this"], run="20240301-abc", number=3)
    assert envelope["headers"]["task"] == TASK


def test_headers_carry_no_text_of_a_comment(broker: redis.Redis, queue: Broker) -> None:
    queue.send(chunk_of(["a confidential text"], run="20240301-abc", number=3))
    headers = json.loads(broker.lrange("moodmill:chunks", 0, 0)[0])["headers"]
    assert "confidential" not in json.dumps(headers)
    assert headers["argsrepr"] == "20240301-abc/3"


def test_keys_have_a_prefix_of_our_own(broker: redis.Redis, queue: Broker) -> None:
    before = set(broker.scan_iter("*"))
    queue.send(chunk_of(["thanks"]))
    assert {key.split(b":")[0] for key in set(broker.scan_iter("*")) - before} == {b"moodmill"}


def test_a_server_that_drops_keys_when_full_is_refused(broker: redis.Redis, queue: Broker) -> None:
    broker.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(BrokerError, match=r"drops keys when full .*allkeys-lru.*set maxmemory-policy noeviction"):
            queue.check()
    finally:
        broker.config_set("maxmemory-policy", "noeviction")
    queue.check()


@pytest.fixture
def full(broker: redis.Redis, queue: Broker) -> Iterator[redis.Redis]:
    """A server that takes nothing, and a message in it that some worker has taken."""
    queue.send(chunk_of(["thanks"]))
    [sent] = broker.lrange("moodmill:chunks", 0, -1)
    broker.delete("moodmill:chunks")
    taken = [json.loads(sent), "", "chunks"]
    broker.hset("moodmill:unacked", "tag", json.dumps(taken))
    broker.zadd("moodmill:unacked_index", {"tag": 1.0})
    broker.config_set("maxmemory", "1")
    yield broker
    broker.config_set("maxmemory", "0")


@pytest.mark.timeout(30)
def test_a_server_that_takes_nothing_is_told_at_once_to_whoever_gives_back(full: redis.Redis, queue: Broker) -> None:
    with pytest.raises(BrokerError, match="cannot use the broker"):
        queue.requeue()
    full.config_set("maxmemory", "0")
    queue.requeue()
    assert full.llen("moodmill:chunks") == 1


@pytest.mark.timeout(30)
def test_a_server_that_takes_nothing_is_told_at_once_to_whoever_sends(full: redis.Redis, queue: Broker) -> None:
    with pytest.raises(BrokerError, match="cannot use the broker"):
        queue.send(chunk_of(["thanks"]))
    full.config_set("maxmemory", "0")
    queue.send(chunk_of(["thanks"]))
    assert full.llen("moodmill:chunks") == 1


def test_whoever_sends_to_a_broker_that_is_not_there_hears_so_at_once() -> None:
    queue = Broker(NOWHERE)
    for _ in range(3):
        began = time.monotonic()
        with pytest.raises(BrokerError, match="cannot use the broker"):
            queue.send(chunk_of(["thanks"]))
        assert time.monotonic() - began < 3


def test_a_broker_that_is_not_there_is_one_line_without_the_password() -> None:
    queue = Broker(NOWHERE)
    with pytest.raises(BrokerError, match="cannot use the broker") as refused:
        queue.check()
    assert "redis://:***@127.0.0.1:1/0" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_producers_need_no_torch() -> None:
    program = (
        "import sys, moodmill.worker.queue.celery_app, moodmill.worker.queue.message, moodmill.worker.queue.broker\n"
        "print({'torch', 'transformers', 'tokenizers', 'safetensors', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "set()\n"
