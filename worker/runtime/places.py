"""Where the worker processes of a machine run: on each GPU, or on each group of processors with memory of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from moodmill.db.core.errors import SettingError
from moodmill.worker.core.device import check_device, is_built_for

#: All that there are, as --devices names them.
ALL: Final = "all"
#: Where Linux says which processors are near which memory: a socket, or a part of one.
NODES: Final = Path("/sys/devices/system/node")
#: Seconds for another process to import torch and count GPUs.
COUNT_S: Final = 120
#: Counts the GPUs that torch would use here: those that CUDA_VISIBLE_DEVICES leaves, and AMD's too.
_COUNT: Final = "import torch; print(torch.cuda.device_count())"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where one worker process runs."""

    #: As MOODMILL_DEVICE has it.
    device: str
    #: The processors that the process keeps to; None: to all that this one has.
    cores: frozenset[int] | None = None


def find_places(asked: str, device: str = "auto") -> list[Place]:
    """Return where processes are to run: on the devices that are named, commas between, or on `all`.

    All are those of the kind of `device`: cuda, cpu, or, by auto, GPUs where there are any. Raises SettingError for
    what is no device, or none of this machine's.
    """
    if asked != ALL:
        named = [name.strip() for name in asked.split(",")]
        for name in named:
            check_device(name)
        return [Place(device=name) for name in named]
    if device not in ("auto", "cuda", "cpu"):
        raise SettingError(f"all devices are those of auto, cuda or cpu, and MOODMILL_DEVICE is {device}: name them")
    check_device(device)
    gpus = 0 if device == "cpu" else _count_gpus()
    if gpus:
        return [Place(device=f"cuda:{number}") for number in range(gpus)]
    if device == "cuda":
        raise SettingError("all GPUs were asked for (MOODMILL_DEVICE is cuda), and torch finds none")
    groups = processor_groups(NODES, allowed())
    return [Place(device="cpu", cores=group if len(groups) > 1 else None) for group in groups]


def _count_gpus() -> int:
    """Ask torch, in another process: this one only watches, and shall not hold a GPU's memory."""
    if not is_built_for("cuda"):
        return 0
    try:
        done = subprocess.run([sys.executable, "-P", "-c", _COUNT], capture_output=True, timeout=COUNT_S, check=True)
        return int(done.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise SettingError(f"the GPUs here cannot be counted ({error}): name them, as cuda:0,cuda:1") from error


def allowed() -> frozenset[int]:
    """Return the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def processor_groups(nodes: Path, cores: frozenset[int]) -> list[frozenset[int]]:
    """Part processors into those that share their memory, as Linux lists them in a folder; else all are one group."""
    groups = []
    for path in sorted(nodes.glob("node[0-9]*/cpulist"), key=lambda path: int(path.parent.name.removeprefix("node"))):
        group = frozenset(_numbers(path.read_text(encoding="utf-8"))) & cores
        if group:
            groups.append(group)
    return groups or [cores]


def _numbers(ranges: str) -> Iterator[int]:
    """Yield the numbers of ranges, as 0-3,8: [0, 1, 2, 3, 8]."""
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", ranges):
        yield from range(int(first), int(last or first) + 1)


@contextmanager
def kept_to(cores: frozenset[int] | None) -> Iterator[None]:
    """Let processes that this thread starts in the context run on these processors only."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def metrics_address(address: str | None, number: int) -> str | None:
    """Return where the process of this number shows its metrics: the first at the address, each other a port on.

    Raises SettingError where there are not so many ports.
    """
    if address is None:
        return None
    host, _, port = address.rpartition(":")
    if int(port) + number > 65_535:
        raise SettingError(f"MOODMILL_METRICS is {address}: process {number} has no port left; name a lower one")
    return f"{host}:{int(port) + number}"


def names_of(places: Sequence[Place]) -> list[str]:
    """Return a name for each process, no two alike: cuda:1, or cpu (1) and cpu (2)."""
    devices = [place.device for place in places]
    seen: dict[str, int] = {}
    names = []
    for device in devices:
        seen[device] = seen.get(device, 0) + 1
        names.append(f"{device} ({seen[device]})" if devices.count(device) > 1 else device)
    return names
