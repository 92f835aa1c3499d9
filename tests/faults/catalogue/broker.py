"""What strikes at Redis, and at the connections to it."""

import time

from tests.faults.catalogue.fault import SHORT_QUEUE, fault
from tests.faults.scene import Scene
from tests.faults.sentinels import SentinelBroker


def is_waiting(found: Scene) -> bool:
    """Whether a worker waits for a chunk."""
    return any("b" in one["flags"] for one in found.broker.client.client_list())


@fault(
    "FLUSHALL", "postgresql", "sqlite", remedy="nothing; after `enqueue`, `moodmill run resume RUN`", short=["openvino"]
)
def _(found: Scene) -> None:
    found.broker.client.flushall()


def _restart_broker(found: Scene) -> None:
    found.broker.kill()
    found.broker.start()


fault(
    "Redis killed, without AOF", "postgresql", "sqlite", remedy="start it; after `enqueue`, `moodmill run resume RUN`"
)(_restart_broker)
fault("Redis killed, with AOF", remedy="start it", aof=True)(_restart_broker)


@fault("Redis stopped for 30 s", "sqlite", "postgresql", remedy="let it go on")
def _(found: Scene) -> None:
    with found.broker.standing_still():
        time.sleep(30)


@fault(
    "Redis full for 5 s",
    remedy="more `maxmemory`, or fewer `MOODMILL_CHUNKS_IN_FLIGHT`",
    settings=SHORT_QUEUE,
)
def _(found: Scene) -> None:
    with found.broker.full():
        time.sleep(5)


@fault("Redis a replica for 5 s, as after a failover", remedy="let it take writes again", settings=SHORT_QUEUE)
def _(found: Scene) -> None:
    client = found.broker.client
    client.replicaof("127.0.0.1", "1")
    time.sleep(5)
    client.replicaof("NO", "ONE")


@fault("Redis refuses to write for want of replicas, for 5 s", remedy="give it replicas", settings=SHORT_QUEUE)
def _(found: Scene) -> None:
    client = found.broker.client
    client.config_set("min-replicas-to-write", 1)
    time.sleep(5)
    client.config_set("min-replicas-to-write", 0)


@fault("master of Redis Sentinel killed", has_sentinels=True, settings=SHORT_QUEUE, storm=False)
def _(found: Scene) -> None:
    found.broker.kill()


@fault("master of Redis Sentinel and a sentinel killed, the old master comes back", has_sentinels=True, storm=False)
def _(found: Scene) -> None:
    assert isinstance(found.broker, SentinelBroker)
    found.broker.kill_sentinel()
    _restart_broker(found)


@fault("Redis Sentinel told to fail over", has_sentinels=True, settings=SHORT_QUEUE, storm=False)
def _(found: Scene) -> None:
    assert isinstance(found.broker, SentinelBroker)
    found.broker.fail_over()


@fault("master of Redis Sentinel stopped for 30 s", has_sentinels=True, settings=SHORT_QUEUE, storm=False)
def _(found: Scene) -> None:
    with found.broker.standing_still():
        time.sleep(30)


@fault("connections to Redis cut six times while chunks are in work", settings=SHORT_QUEUE)
def _(found: Scene) -> None:
    client, deaths = found.broker.client, found.said().count("the worker died")

    def has_died() -> bool:
        """Whether a worker died of something else: the next one cannot start as long as the store is held."""
        return found.said().count("the worker died") > deaths

    with found.store.writing():  # what is in work stays so
        for _ in range(6):
            client.client_kill_filter(_type="normal", skipme=True)
            found.wait_until(lambda: is_waiting(found) or has_died())
            if has_died():
                return
