"""A broker behind Redis Sentinel is used like any other, whichever of its servers is the master."""

import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from moodmill.db.core.errors import BrokerError
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.health import check_alive
from tests.faults.sentinels import MASTER, PASSWORD, SENTINEL_PASSWORD, SentinelBroker
from tests.support import forget, wait_until
from tests.worker.builders import chunk_of
from tests.worker.queue.test_transport import drain

#: All share their servers.
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("sentinels")]

WRONG = "wr0ng"


@pytest.fixture(scope="module")
def sentinels() -> Iterator[SentinelBroker]:
    with TemporaryDirectory() as folder:
        broker = SentinelBroker(Path(folder))
        try:
            yield broker
        finally:
            broker.stop()


@pytest.fixture
def broker(sentinels: SentinelBroker) -> SentinelBroker:
    forget(sentinels.client)
    return sentinels


@pytest.fixture
def queue(broker: SentinelBroker) -> Broker:
    return Broker(broker.url)


def refusal(url: str) -> str:
    with pytest.raises(BrokerError) as refused:
        Broker(url).check()
    said = str(refused.value)
    assert "\n" not in said
    assert not any(secret in said for secret in (PASSWORD, SENTINEL_PASSWORD, WRONG))
    return said


def test_chunks_heartbeats_and_quarantine_are_in_the_master(broker: SentinelBroker, queue: Broker) -> None:
    queue.check()
    assert queue.shown == f"sentinel://:***@{broker.url.partition('@')[2].partition('?')[0]}"
    chunk = chunk_of(["thanks"])
    broker.client.lpush("moodmill:chunks", b"no json")
    queue.send(chunk)
    assert (queue.statistics().queued, broker.client.llen("moodmill:chunks")) == (2, 2)
    assert drain(queue, 1) == [chunk]
    assert broker.client.lrange("moodmill:quarantine", 0, -1) == [b"no json"]
    queue.send_heartbeat(f"{socket.gethostname()}:1:a")
    check_alive("worker", broker.url)
    assert queue.count_workers() == 1


def test_a_new_master_is_found_while_the_old_one_stays_up(broker: SentinelBroker, queue: Broker) -> None:
    queue.send(chunk_of(["thanks"], number=1))
    assert broker.client.wait(1, 10_000) == 1, "the replica has it"
    broker.fail_over()

    def is_taken() -> bool:
        try:
            queue.send(chunk_of(["thanks"], number=2))
        except BrokerError:  # who waits for it tries again
            return False
        return queue.statistics().queued > 1  # the old master took it, perhaps, before it heard of the new one

    wait_until(is_taken)
    assert [chunk.number for chunk in drain(queue, 2)] == [1, 2]


def test_what_is_wrong_with_sentinels_is_one_line(broker: SentinelBroker) -> None:
    assert "No master found for 'other-master'" in refusal(
        broker.url.replace(f"master={MASTER}", "master=other-master")
    )
    assert " - auth:AuthenticationError, 127.0.0.1:" in refusal(
        broker.url.replace("l_password=", f"l_password={WRONG}")
    )
    assert "invalid username-password pair" in refusal(broker.url.replace("//:", f"//:{WRONG}"))
    nobody = refusal(f"sentinel://:{WRONG}@127.0.0.1:1,127.0.0.1:2/0?master=m")
    assert "'m' : 127.0.0.1:1 - network:ConnectionError, 127.0.0.1:2 - network:ConnectionError" in nobody


def test_one_sentinel_may_be_away(broker: SentinelBroker, queue: Broker) -> None:
    broker.kill_sentinel()
    queue.check()
    queue.send_heartbeat(f"{socket.gethostname()}:1:a")
    check_alive("worker", broker.url)
