"""What becomes of messages, and what else lies among them."""

import json
from typing import Final

from tests.faults.catalogue.fault import QUEUE, SHORT_QUEUE, fault
from tests.faults.scene import Scene
from tests.worker.queue.test_transport import MALFORMED

#: Where an operator looks at what is none of ours.
_STRAY: Final = "look at the list `moodmill:quarantine`; name a database of moodmill's own"


@fault(
    "chunks delivered three times at once, others popped and never heard of",
    "postgresql",
    "sqlite",
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
    newer = f"{found.settings['INJECTED_FAULT']},newer:import"
    found.kill_producers()
    found.broker.client.delete(QUEUE)
    found.add_producer(INJECTED_FAULT=newer)
    found.until_said("left for a newer worker")
    found.add_worker(INJECTED_FAULT=newer)


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
