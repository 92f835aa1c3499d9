"""Faults in mid-run, on real processes and servers: afterwards every record has exactly one end, and the right one."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.faults.scene import Scene, scene, texts
from tests.support import away, wait_until
from tests.worker.builders import plain_probabilities


@pytest.fixture(scope="session")
def expected(tiny_model: Path) -> NDArray[np.float32]:
    """What a run without faults stores."""
    return plain_probabilities(tiny_model, texts())


@pytest.fixture
def sqlite(tiny_model: Path) -> Iterator[Scene]:
    with scene("", tiny_model) as made:
        yield made


@pytest.fixture
def postgres(tiny_model: Path, postgres_url: str) -> Iterator[Scene]:
    with scene(postgres_url, tiny_model) as made:
        yield made


def test_a_worker_that_is_killed_in_mid_batch(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    worker, label = sqlite.worker(), sqlite.label()
    sqlite.until_done(3)
    os.kill(sqlite.worker_pid(worker), signal.SIGKILL)
    sqlite.finish(label)
    sqlite.check(expected)


def test_a_producer_that_is_killed_is_resumed_by_two_at_once(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    sqlite.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "4"
    sqlite.worker()
    label = sqlite.label()
    sqlite.until_done(3)
    label.kill()
    resumed = [sqlite.start("resume", sqlite.run) for _ in range(2)]
    for one in resumed:
        sqlite.finish(one)
    sqlite.check(expected)


def flush(found: Scene) -> None:
    found.broker.client.flushall()


def restart(found: Scene) -> None:
    found.broker.kill()
    found.broker.start()


@pytest.mark.parametrize("lose", [flush, restart])
def test_a_broker_that_loses_everything(
    postgres: Scene, expected: NDArray[np.float32], lose: Callable[[Scene], None]
) -> None:
    postgres.worker()
    label = postgres.label()
    postgres.until_done(3)
    lose(postgres)
    postgres.finish(label)
    postgres.check(expected)
    wait_until(postgres.emptied)


def test_a_broker_that_stands_still_for_a_while(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    sqlite.worker()
    label = sqlite.label()
    sqlite.until_done(3)
    pid = sqlite.broker.pid
    os.kill(pid, signal.SIGSTOP)
    done = sqlite.done()
    wait_until(lambda: sqlite.done() >= done + 1)  # what the worker had goes on
    os.kill(pid, signal.SIGCONT)
    sqlite.finish(label)
    sqlite.check(expected)
    wait_until(sqlite.emptied)


def test_chunks_that_come_twice_and_chunks_that_are_popped_and_never_heard_of(
    sqlite: Scene, expected: NDArray[np.float32]
) -> None:
    queue, client = "moodmill:chunks", sqlite.broker.client
    label = sqlite.label()
    wait_until(lambda: client.llen(queue) == 27)  # all there are
    for message in client.lrange(queue, 0, 9):
        client.rpush(queue, message, message)
    for _ in range(5):
        client.lpop(queue)
    sqlite.worker()
    sqlite.finish(label)
    sqlite.check(expected)
    wait_until(sqlite.emptied)


def test_a_broker_that_is_full_for_a_while(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    sqlite.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "4"
    sqlite.worker()
    label = sqlite.label()
    sqlite.until_done(3)
    sqlite.broker.client.config_set("maxmemory", "1mb")
    wait_until(lambda: "waits: cannot use the broker" in sqlite.said())
    sqlite.broker.client.config_set("maxmemory", "0")
    sqlite.finish(label)
    sqlite.check(expected)
    wait_until(sqlite.emptied)


def test_workers_that_are_told_to_stop_under_load(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    worker = sqlite.worker()
    label = sqlite.label()
    for _ in range(2):
        sqlite.until_done(sqlite.done() + 2)
        worker.terminate()
        assert worker.wait(60) == 0
        worker = sqlite.worker()
    sqlite.finish(label)
    sqlite.check(expected)
    wait_until(sqlite.emptied)


def test_a_store_that_is_locked_for_a_while(sqlite: Scene, expected: NDArray[np.float32]) -> None:
    sqlite.worker()
    label = sqlite.label()
    sqlite.until_done(3)
    with sqlite.store.writing():
        queued = sqlite.broker.client.llen("moodmill:chunks")
        wait_until(lambda: sqlite.broker.client.hlen("moodmill:unacked") == 4)
        assert sqlite.broker.client.llen("moodmill:chunks") <= queued
    sqlite.finish(label)
    sqlite.check(expected)
    wait_until(sqlite.emptied)


def test_a_database_that_goes_away_and_comes_back(
    postgres: Scene, postgres_url: str, expected: NDArray[np.float32]
) -> None:
    postgres.settings["MOODMILL_CHUNKS_IN_FLIGHT"] = "8"
    postgres.worker()
    label = postgres.label()
    postgres.until_done(3)
    with away(postgres_url):
        wait_until(lambda: postgres.said().count("waits: cannot use the store") >= 2)
    postgres.finish(label)
    postgres.check(expected)
    wait_until(postgres.emptied)
