"""`moodmill worker --devices`: real processes, one for each device, watched and stopped together."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.request import urlopen

import psutil
import pytest

from moodmill.worker.runtime.places import find_places
from tests.support import clean_environment, free_port, wait_until
from tests.worker.builders import TEXTS, open_run, states
from tests.worker.runtime.test_worker_process import START_S, Place, place, send_all

__all__ = ["place"]  # the fixture


@contextmanager
def workers(place: Place, *arguments: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `moodmill worker`, and kill it where the test has not ended it; its workers end with it."""
    with (
        place.log.open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "moodmill.cli.main", "worker", *arguments],
            env=clean_environment(**place.settings, **settings),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        children: Sequence[psutil.Process] = ()
        try:
            yield process
            children = psutil.Process(process.pid).children() if process.poll() is None else ()
        finally:
            process.kill()
            psutil.wait_procs(children, timeout=60)


def pids(process: "subprocess.Popen[bytes]") -> set[int]:
    return {child.pid for child in psutil.Process(process.pid).children()}


def environment_of(pid: int) -> dict[str, str]:
    return psutil.Process(pid).environ()


def test_each_device_has_a_process_that_is_replaced_when_it_dies_and_all_end_in_order(place: Place) -> None:
    port = free_port(following=1)
    with workers(place, "--devices", "cpu,cpu", MOODMILL_METRICS=str(port)) as process:
        # given two workers, at the two ends of one queue
        wait_until(lambda: place.queue.count_workers() == 2, START_S)
        first, second = sorted(pids(process))
        assert not [one.path for one in psutil.Process(process.pid).memory_maps() if "libtorch" in one.path]
        assert [environment_of(pid)["MOODMILL_DEVICE"] for pid in (first, second)] == ["cpu", "cpu"]
        for number in range(2):
            with urlopen(f"http://127.0.0.1:{port + number}/metrics", timeout=10) as answer:
                assert b"moodmill_comments_total" in answer.read()
        # when one of them is killed
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: "died (SIGKILL); another one starts" in place.said())
        assert "the worker on cpu (1) died" in place.said() or "the worker on cpu (2) died" in place.said()
        # then another takes its place, and the one beside it was left alone
        wait_until(lambda: len(pids(process)) == 2 and place.queue.count_workers() == 2, START_S)
        assert first not in pids(process)
        assert second in pids(process)
        send_all(place, open_run(place.store, TEXTS, TEXTS))
        wait_until(lambda: states(place.store) == ["done", "done"])
        # and SIGTERM ends all
        ended = pids(process)
        process.terminate()
        assert process.wait(60) == 0
    assert not {pid for pid in ended if psutil.pid_exists(pid)}
    assert place.queue.count_workers() == 0


def test_all_devices_of_this_machine_get_a_process_each(place: Place) -> None:
    places = find_places("all")
    with workers(place, "--devices", "all") as process:
        wait_until(lambda: len(pids(process)) == len(places), START_S)
        started = [environment_of(pid)["MOODMILL_DEVICE"] for pid in sorted(pids(process))]
        assert started == [one.device for one in places]


def test_a_worker_that_is_given_up_leaves_the_others_at_work_and_is_told_of_at_the_end(place: Place) -> None:
    # given metrics of the second process where somebody listens already
    taken = free_port(following=1) + 1
    with socket_at(taken), workers(place, "--devices", "cpu,cpu", MOODMILL_METRICS=str(taken - 1)) as process:
        wait_until(lambda: "; the other workers go on" in place.said(), START_S)
        wait_until(lambda: place.queue.count_workers() == 1, START_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 1
    assert "the worker on cpu (2) ended: status 78; the other workers go on" in place.said()
    assert place.said().rstrip().endswith("error: the worker on cpu (2) ended: status 78")


@pytest.mark.parametrize("arguments", [("--devices", "all", "--device", "cuda"), ("--devices", "cpu,gpu7")])
def test_devices_that_are_not_there_are_refused_in_a_line(place: Place, arguments: tuple[str, ...]) -> None:
    with workers(place, *arguments) as process:
        assert process.wait(60) == 2
    (line,) = place.said().splitlines()
    assert line.startswith("error: ")
    assert "MOODMILL_DEVICE" in line


@contextmanager
def socket_at(port: int) -> Iterator[None]:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", port))
        one.listen()
        yield
