"""What strikes at workers, and at the model in them."""

import os
import signal
from typing import Final

from tests.faults.catalogue.broker import is_waiting
from tests.faults.catalogue.fault import QUEUE, fault
from tests.faults.scene import Scene

#: What an operator does about texts at which the model fails.
_POISON: Final = "`moodmill dead list`, and `dead replay` once the model is mended"


@fault("none", "sqlite", "postgresql", storm=False)
def _(_: Scene) -> None: ...


@fault("worker killed in mid-batch", short=["openvino", "torch"])
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
    found.wait_until(lambda: found.emptied() and is_waiting(found))
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


fault("worker stopped by SIGTERM under load")(_stop_worker)


@fault(
    "worker stopped by SIGTERM under load, ten times",
    settings={"MOODMILL_CHUNK_COMMENTS": "4", "MOODMILL_THREADS": "1"},
    storm=False,
)
def _(found: Scene) -> None:
    for _ in range(10):
        _stop_worker(found)
        found.until_done(found.done() + 1)


@fault("model hangs")
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
