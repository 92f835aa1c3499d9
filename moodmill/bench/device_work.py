"""What a device does while a model runs on it, as torch's profiler sees it: kernels, copies, and nothing."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import torch
from torch.autograd import DeviceType  # type: ignore[attr-defined]
from torch.profiler import ProfilerActivity, profile

#: Kernels that are named.
TOP: Final = 12
#: How the names of what only moves memory begin, on a GPU.
_COPIES: Final = ("Memcpy", "Memset")


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One of those that take longest; on a CPU, an operation of torch."""

    name: str
    calls: int
    #: Of all time that the device was at work.
    share: float


@dataclass(frozen=True, kw_only=True)
class DeviceWork:
    """Shares of the time by the clock, of a device that ran micro-batches one after the other."""

    computing: float
    #: Copies while nothing is computed.
    copying: float
    #: Neither: it waits for the host to lay out a micro-batch, or to launch a kernel.
    idle: float
    top: list[Kernel]


def watch_device(run: Callable[[], object], device: torch.device) -> DeviceWork:
    """Run something under the profiler. On a CPU, operations of this thread are seen, and count as computing."""
    on_gpu = device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiled:
        begun = time.perf_counter()
        run()
        if on_gpu:
            torch.cuda.synchronize(device)
        seconds = time.perf_counter() - begun
    of_device = DeviceType.CUDA if on_gpu else DeviceType.CPU
    spans: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for event in profiled.events() or ():
        if event.device_type == of_device:
            spans[event.name.startswith(_COPIES)].append((event.time_range.start, event.time_range.end))
    computing = covered(spans[False]) / 1e6 / seconds
    busy = covered([*spans[False], *spans[True]]) / 1e6 / seconds
    averages = [one for one in profiled.key_averages() if one.device_type == of_device]
    costs = {one.key: one.self_device_time_total if on_gpu else one.self_cpu_time_total for one in averages}
    calls = {one.key: one.count for one in averages}
    names = sorted(costs, key=lambda name: costs[name], reverse=True)[:TOP]
    total = sum(costs.values()) or 1.0
    return DeviceWork(
        computing=computing,
        copying=busy - computing,
        idle=max(0.0, 1 - busy),
        top=[Kernel(name=name, calls=calls[name], share=costs[name] / total) for name in names],
    )


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return how much of a line spans cover together, each (start, stop)."""
    total, reached = 0.0, float("-inf")
    for start, stop in sorted(spans):
        total += max(0.0, stop - max(start, reached))
        reached = max(reached, stop)
    return total
