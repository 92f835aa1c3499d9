"""The faults: what strikes in the middle of a run, and is over after a while."""

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.faults.scene import Clock, Database, Scene
from tests.faults.sentinels import SentinelBroker
from tests.faults.servers import full_disk
from tests.worker.test_transport import MALFORMED

Strike = Callable[[Scene], None]

QUEUE: Final = "moodmill:chunks"
#: A run that is read while it is worked on, with few chunks in the queue.
SHORT_QUEUE: Final = {"MOODMILL_CHUNKS_IN_FLIGHT": "4"}
HOUR_S: Final = 3600
#: What operators do more than once.
_STRAY: Final = "look at the list `moodmill:quarantine`; name a database of moodmill's own"
_POISON: Final = "`moodmill dead list`, and `dead replay` once the model is mended"
_RESUME: Final = "`moodmill resume RUN`"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong in the middle of a run."""

    name: str
    strike: Strike
    databases: Sequence[Database]
    #: What else the scene is asked for: "aof", "has_sentinels", …
    scenery: Mapping[str, bool]
    poison: Mapping[int, str]
    settings: Mapping[str, str]
    #: What an operator does, where something is left to do.
    remedy: str
    #: Whether it is part of `make test`.
    short: bool
    #: Whether it is part of the storm, where it strikes beside others.
    storm: bool


CATALOGUE: Final[list[Fault]] = []


def fault(
    name: str,
    *databases: Database,
    poison: Mapping[int, str] | None = None,
    settings: Mapping[str, str] | None = None,
    remedy: str = "nothing",
    short: bool = False,
    storm: bool = True,
    **scenery: bool,
) -> Callable[[Strike], Strike]:
    """Put a fault into the catalogue; without `databases`, it is one that strikes at SQLite."""

    def enter(strike: Strike) -> Strike:
        CATALOGUE.append(
            Fault(
                name=name,
                strike=strike,
                databases=databases or ("sqlite",),
                scenery=scenery,
                poison=poison or {},
                settings=settings or {},
                remedy=remedy,
                short=short,
                storm=storm,
            )
        )
        return strike

    return enter


def _is_waiting(found: Scene) -> bool:
    """Whether a worker waits for a chunk."""
    return any("b" in one["flags"] for one in found.broker.client.client_list())


@fault("none", "sqlite", "postgresql", storm=False)
def _(_: Scene) -> None: ...


# Workers


@fault("worker killed in mid-batch", short=True)
def _(found: Scene) -> None:
    found.kill_worker()


@fault("worker killed after its commit, before it acknowledged")
def _(found: Scene) -> None:
    found.inject("kill:stored")


@fault("worker killed between popping a chunk and noting that it has it", storm=False)
def _(found: Scene) -> None:
    client, worker, producer = found.broker.client, found.worker_pid(), found.producers[0].pid
    os.kill(producer, signal.SIGSTOP)
    messages = client.lrange(QUEUE, 0, -1)
    client.delete(QUEUE)
    found.wait_until(lambda: found.emptied() and _is_waiting(found))
    os.kill(worker, signal.SIGSTOP)
    client.rpush(QUEUE, *messages)
    assert client.llen(QUEUE) == len(messages) - 1, "one is in the socket of a worker that stands still"
    os.kill(worker, signal.SIGKILL)
    os.kill(producer, signal.SIGCONT)


def _stop_worker(found: Scene) -> None:
    worker = found.workers.pop()
    worker.terminate()
    worker.wait(60)
    found.add_worker()


fault("worker told to stop under load", short=True)(_stop_worker)


@fault(
    "worker told to stop under load, ten times",
    settings={"MOODMILL_CHUNK_COMMENTS": "4", "MOODMILL_THREADS": "1"},
    storm=False,
)
def _(found: Scene) -> None:
    for _ in range(10):
        _stop_worker(found)
        found.until_done(found.done() + 1)


@fault("model hangs", short=True)
def _(found: Scene) -> None:
    found.inject("hang:any")


@fault("model hangs and lets no other thread run")
def _(found: Scene) -> None:
    found.inject("hang-with-gil:any")


@fault("model ends its process by a segmentation fault")
def _(found: Scene) -> None:
    found.inject("segfault:any")


@fault("model raises MemoryError, then SystemExit")
def _(found: Scene) -> None:
    found.inject("memory:any")
    found.inject("exit:any")


@fault(
    "texts at which the model raises IndexError, MemoryError, SystemExit",
    remedy=_POISON,
    poison={99: "hate", 120: "love", 140: "thanks"},
    storm=False,
)
def _(_: Scene) -> None: ...


@fault(
    "a text at which the model ends its process by a segmentation fault", remedy=_POISON, poison={99: "a"}, storm=False
)
def _(_: Scene) -> None: ...


# Producers


@fault("producer killed in mid-run, then two resume at once", remedy=_RESUME, settings=SHORT_QUEUE, short=True)
def _(found: Scene) -> None:
    found.kill_producers()
    found.add_producer()
    found.add_producer()


@fault("producer killed when all is sent, before the run is sealed", remedy=_RESUME, storm=False)
def _(found: Scene) -> None:
    found.kill_producers()
    found.add_producer()
    found.inject("kill:sealing")
    found.kill_producers()
    found.add_producer()


# Redis


@fault("FLUSHALL", "postgresql", "sqlite", remedy="nothing; after `enqueue`, `moodmill resume RUN`", short=True)
def _(found: Scene) -> None:
    found.broker.client.flushall()


def _restart_broker(found: Scene) -> None:
    found.broker.kill()
    found.broker.start()


fault("Redis killed, without AOF", "postgresql", "sqlite", remedy="start it; after `enqueue`, `moodmill resume RUN`")(
    _restart_broker
)
fault("Redis killed, with AOF", remedy="start it", aof=True)(_restart_broker)


@fault("Redis stopped for 30 s", "sqlite", "postgresql", remedy="let it go on")
def _(found: Scene) -> None:
    with found.broker.standing_still():
        time.sleep(30)


@fault(
    "Redis full for 5 s",
    remedy="more `maxmemory`, or fewer `MOODMILL_CHUNKS_IN_FLIGHT`",
    settings=SHORT_QUEUE,
    short=True,
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


@fault("master of Redis Sentinel killed", has_sentinels=True, settings=SHORT_QUEUE, short=True, storm=False)
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


# Messages


@fault(
    "chunks delivered three times at once, others popped and never heard of",
    "postgresql",
    "sqlite",
    short=True,
)
def _(found: Scene) -> None:
    client = found.broker.client
    for message in client.lrange(QUEUE, -10, -1):
        client.rpush(QUEUE, message, message)
    client.lpop(QUEUE, 5)


@fault("visibility timeout shorter than the task", "sqlite", "postgresql")
def _(found: Scene) -> None:
    for _ in range(3):
        found.restore()
        found.until_done(found.done() + 1)


@fault("messages of somebody else: no JSON, another codec, another program", remedy=_STRAY)
def _(found: Scene) -> None:
    client = found.broker.client
    [ours] = client.lrange(QUEUE, 0, 0) or [b"{}"]
    pickled = json.loads(ours) | {"content-type": "application/x-python-serialize"}
    for item in (b"no json", b"\xff\xfe", b"17", b"[" * 100_000, b'{"body": 1}', json.dumps(pickled).encode()):
        client.lpush(QUEUE, item)
        client.rpush(QUEUE, item)


@fault("producer newer than the worker, then a newer worker too", remedy="newer workers", storm=False)
def _(found: Scene) -> None:
    newer = f"{found.settings['MOODMILL_TEST_FAULT']},newer:import"
    found.kill_producers()
    found.broker.client.delete(QUEUE)
    found.add_producer(MOODMILL_TEST_FAULT=newer)
    found.until_said("left for a newer worker")
    found.add_worker(MOODMILL_TEST_FAULT=newer)


# Stores


@fault("SQLite locked for 5 s", remedy="end whoever holds the lock", short=True)
def _(found: Scene) -> None:
    with found.store.writing():
        time.sleep(5)


@fault("PostgreSQL killed", "postgresql", remedy="start it")
def _(found: Scene) -> None:
    assert found.postgres
    found.postgres.kill()
    found.postgres.start()


@fault("PostgreSQL away for 10 s", "postgresql", remedy="start it", short=True)
def _(found: Scene) -> None:
    assert found.postgres
    found.postgres.kill()
    time.sleep(10)
    found.postgres.start()


@fault("PostgreSQL stopped for 10 s", "postgresql", remedy="let it go on")
def _(found: Scene) -> None:
    assert found.postgres
    with found.postgres.standing_still():
        time.sleep(10)


@fault("connection to PostgreSQL cut in two commits before it hears of them, in two before it answers", "postgresql")
def _(found: Scene) -> None:
    postgres = found.postgres
    assert postgres
    postgres.cut_at_commits(before=2, after=2)
    found.wait_until(lambda: postgres.cuts_left == 0 or found.ended)


@fault("connections to PostgreSQL that stay open and never answer", "postgresql", remedy="look at what stands between")
def _(found: Scene) -> None:
    assert found.postgres
    found.store.engine.dispose()  # the scene looks on by new ones
    found.postgres.fall_silent()


@fault("disk of the store full for 10 s", "sqlite", "postgresql", remedy="make room", is_disk_small=True, storm=False)
def _(found: Scene) -> None:
    with full_disk(found.folder / "store"):
        time.sleep(10)
    if found.postgres:
        found.postgres.start()  # it may have ended itself


# Clocks


def _jump(found: Scene, whose: Clock) -> None:
    """Set a clock an hour ahead, then a day behind, then right again."""
    for seconds in (HOUR_S, -24 * HOUR_S, 0):
        found.set_clock(whose, seconds)
        found.until_done(found.done() + 2)


@fault(
    "clock of the worker jumps an hour ahead, a day back, and right again",
    "sqlite",
    "postgresql",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "worker")


@fault(
    "clock of the producer jumps an hour ahead, a day back, and right again",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "label")


@fault(
    "clock of Redis jumps an hour ahead, a day back, and right again",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "valkey")


@fault(
    "clocks of worker and producer an hour apart, worker killed in mid-batch",
    "sqlite",
    "postgresql",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    found.set_clock("worker", HOUR_S)
    found.set_clock("label", -HOUR_S)
    found.kill_worker()


# Redeliveries


@fault("connections to Redis cut six times while chunks are in work", settings=SHORT_QUEUE)
def _(found: Scene) -> None:
    client = found.broker.client
    with found.store.writing():  # what is in work stays so
        for _ in range(6):
            client.client_kill_filter(_type="normal", skipme=True)
            found.wait_until(lambda: _is_waiting(found))


@fault("chunks delivered six times each to two workers", settings=SHORT_QUEUE, storm=False)
def _(found: Scene) -> None:
    client = found.broker.client
    found.add_worker()
    for message in client.lrange(QUEUE, 0, -1):
        client.rpush(QUEUE, *[message] * 5)


@fault("messages with fields of another kind, and what was taken of them", remedy=_STRAY)
def _(found: Scene) -> None:
    client = found.broker.client
    client.lpush(QUEUE, *MALFORMED)
    client.rpush(QUEUE, *MALFORMED)
    client.hset("moodmill:unacked", mapping={b"a": b"no json", b"b": b"null"})
    client.zadd("moodmill:unacked_index", {"a": 1.0, "b": 1.0})
    found.restore()
