"""What work costs in time: by the clock, and of processors, in this process and in others."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Spent:
    """Seconds by the clock, and of processors, all threads of this process together."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Measure what is done inside; the figures are there when it ends."""
    spent = Spent()
    clock, cpu = time.perf_counter(), time.process_time()
    yield spent
    spent.seconds, spent.cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu


def cpu_seconds(pids: Sequence[int]) -> float:
    """Return the seconds of processors that processes, and those they started, have had so far.

    As proc_pid_stat(5) has it; NaN where the system does not tell.
    """
    try:
        return sum(_ticks(pid) for pid in pids) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return float("nan")


def _ticks(pid: int) -> int:
    folder = Path(f"/proc/{pid}")
    # Behind the name, which may hold blanks: of what is left, user and system time are the 12th and 13th.
    own = folder.joinpath("stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    children = folder.joinpath("task", str(pid), "children").read_text(encoding="utf-8").split()
    return int(own[11]) + int(own[12]) + sum(_ticks(int(child)) for child in children)
