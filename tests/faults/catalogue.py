"""The faults: each begins a run, strikes in the middle of it, and returns the processes that finish it."""

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from tests.faults.scene import CHUNKS, Scene, token_of
from tests.support import away, wait_until

Process = subprocess.Popen[bytes]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that goes wrong in the middle of a run."""

    name: str
    act: Callable[[Scene], list[Process]]
    store: Literal["sqlite", "postgresql"] = "sqlite"
    #: Whether Valkey writes an append-only file.
    aof: bool = False
    #: Positions of the records that become dead letters, besides the line that is no JSON.
    dead: tuple[int, ...] = ()
    #: Whether `make test` leaves it to `make faults`.
    long: bool = False


CATALOGUE: Final[list[Fault]] = []


def fault(
    name: str,
    *,
    store: Literal["sqlite", "postgresql"] = "sqlite",
    aof: bool = False,
    dead: tuple[int, ...] = (),
    long: bool = False,
) -> Callable[[Callable[[Scene], list[Process]]], Callable[[Scene], list[Process]]]:
    """Put a fault into the catalogue."""

    def enter(act: Callable[[Scene], list[Process]]) -> Callable[[Scene], list[Process]]:
        CATALOGUE.append(Fault(name=name, act=act, store=store, aof=aof, dead=dead, long=long))
        return act

    return enter


@fault("worker killed in mid-batch")
def _(found: Scene) -> list[Process]:
    worker, label = found.worker(), found.label()
    found.until_done(3)
    found.strike(lambda: os.kill(found.worker_pid(worker), signal.SIGKILL))
    return [label]


@fault("worker killed after its commit, before it acknowledged")
def _(found: Scene) -> list[Process]:
    file = found.folder / "strikes"
    found.worker(MOODMILL_TEST_FAULT=f"slow:any,kill:stored:{file}:once")
    label = found.label()
    found.until_done(3)
    found.strike(file.touch)
    return [label]


@fault("workers told to stop under load, twice", long=True)
def _(found: Scene) -> list[Process]:
    worker, label = found.worker(), found.label()
    for _ in range(2):
        found.until_done(found.done() + 2)
        found.strike(worker.terminate)
        assert worker.wait(60) == 0
        worker = found.worker()
    return [label]


@fault("model hangs")
def _(found: Scene) -> list[Process]:
    file = found.folder / "strikes"
    found.worker(MOODMILL_TEST_FAULT=f"slow:any,hang:any:{file}:once", MOODMILL_STALL_SECONDS="3")
    label = found.label()
    found.until_done(3)
    found.strike(file.touch)
    return [label]


@fault("a text kills its worker (segfault)", dead=(100,), long=True)
def _(found: Scene) -> list[Process]:
    found.poison(99)
    found.worker(MOODMILL_TEST_FAULT=f"slow:any,segfault:{token_of(found.model, 'hate')}")
    return [found.label()]


@fault("a text makes the model raise, exit, or run out of memory", dead=(100, 120, 140), long=True)
def _(found: Scene) -> list[Process]:
    kinds = {"exception": ("hate", 99), "memory": ("love", 119), "exit": ("thanks", 139)}
    for word, number in kinds.values():
        found.poison(number, word)
    faults = [f"{kind}:{token_of(found.model, word)}" for kind, (word, _) in kinds.items()]
    found.worker(MOODMILL_TEST_FAULT=",".join(["slow:any", *faults]))
    return [found.label()]


@fault("producer killed, then two resume at once")
def _(found: Scene) -> list[Process]:
    found.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "4"
    found.worker()
    label = found.label()
    found.until_done(3)
    found.strike(label.kill)
    return [found.start("resume", found.run) for _ in range(2)]


@fault("FLUSHALL", store="postgresql")
def _(found: Scene) -> list[Process]:
    found.worker()
    label = found.label()
    found.until_done(3)
    found.strike(found.broker.client.flushall)
    return [label]


def _restart(found: Scene) -> list[Process]:
    found.worker()
    label = found.label()
    found.until_done(3)
    found.strike(found.broker.kill)
    found.broker.start()
    return [label]


fault("Redis killed, without AOF", store="postgresql", long=True)(_restart)
fault("Redis killed, with AOF", aof=True, long=True)(_restart)


@fault("Redis stands still", long=True)
def _(found: Scene) -> list[Process]:
    found.worker()
    label = found.label()
    found.until_done(3)
    pid = found.broker.pid
    found.strike(lambda: os.kill(pid, signal.SIGSTOP))
    found.until_done(found.done() + 1)  # what the worker has goes on
    os.kill(pid, signal.SIGCONT)
    return [label]


@fault("Redis full")
def _(found: Scene) -> list[Process]:
    found.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "4"
    found.worker()
    label = found.label()
    found.until_done(3)
    found.strike(lambda: found.broker.client.config_set("maxmemory", "1mb"))
    wait_until(lambda: "waits: cannot use the broker" in found.said())
    found.broker.client.config_set("maxmemory", "0")
    return [label]


@fault("chunks delivered three times, and chunks popped and never heard of")
def _(found: Scene) -> list[Process]:
    queue, client = "moodmill:chunks", found.broker.client
    label = found.label()
    wait_until(lambda: client.llen(queue) == CHUNKS)

    def repeat_and_lose() -> None:
        for message in client.lrange(queue, 0, 9):
            client.rpush(queue, message, message)
        client.lpop(queue, 5)

    found.strike(repeat_and_lose)
    found.worker()
    return [label]


@fault("store locked")
def _(found: Scene) -> list[Process]:
    found.worker()
    label = found.label()
    found.until_done(3)
    with found.store.writing():
        found.strike(lambda: None)
        wait_until(lambda: found.broker.client.hlen("moodmill:unacked") == 4)
    return [label]


@fault("database away", store="postgresql")
def _(found: Scene) -> list[Process]:
    found.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "8"
    found.worker()
    label = found.label()
    found.until_done(3)
    with away(found.database_url):
        found.strike(lambda: None)
        wait_until(lambda: found.said().count("waits: cannot use the store") >= 2)
    return [label]
