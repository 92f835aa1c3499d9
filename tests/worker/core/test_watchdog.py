"""A step that hangs ends its process; one that is only slow does not."""

import subprocess
import sys
import time

import pytest

from moodmill.worker.core.watchdog import STALLED_STATUS, Watchdog

pytestmark = pytest.mark.process


def test_a_step_is_overdue_once_it_takes_longer_than_the_limit() -> None:
    watchdog = Watchdog(10.0)
    with watchdog.watching("the first"):
        begun = time.monotonic()
        assert watchdog.overdue(begun + 9) is None
        assert watchdog.overdue(begun + 11) == "the first"
        with watchdog.watching("the second"):
            assert watchdog.overdue(begun + 11) == "the first"
    assert watchdog.overdue(begun + 11) is None


def test_a_step_that_raises_is_over() -> None:
    watchdog = Watchdog(10.0)
    with pytest.raises(ValueError, match="over"), watchdog.watching("a step"):
        raise ValueError("over")
    assert watchdog.overdue(time.monotonic() + 100) is None


PROGRAM = """
import ctypes, logging, sys, time
from moodmill.worker.core.watchdog import Watchdog
logging.basicConfig()
with Watchdog(float(sys.argv[1])) as watchdog:
    for _ in range(int(sys.argv[3])):
        with watchdog.watching("a short step"):
            time.sleep(0.2)
    with watchdog.watching("the last step"):
        exec(sys.argv[2])
"""


def run(limit_s: float, step: str, *, short_steps: int = 3) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, str(limit_s), step, str(short_steps)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_process_with_a_step_that_hangs_says_where_and_ends() -> None:
    ended = run(0.5, "time.sleep(600)")
    assert ended.returncode == STALLED_STATUS
    assert "the last step takes more than 0.5 s: the process ends" in ended.stderr
    assert 'File "<string>", line 1 in <module>' in ended.stderr


def test_a_process_whose_interpreter_is_held_ends_too() -> None:
    ended = run(0.5, "ctypes.PyDLL(None).sleep(600)")
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_a_process_whose_interpreter_is_held_from_its_first_step_on_ends_too() -> None:
    ended = run(0.5, "ctypes.PyDLL(None).sleep(600)", short_steps=0)
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr


def test_a_process_with_short_steps_lives() -> None:
    ended = run(0.5, "pass")
    assert (ended.returncode, ended.stderr) == (0, "")
