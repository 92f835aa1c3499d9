"""Memory of a process that runs a model. On a CPU, what is freed is kept for the next micro-batch.

A micro-batch takes and frees tens of megabytes in each layer. The C library gives pieces of that size back to the
system at once, which hands them out again zeroed, page by page: some 20,000 page faults a micro-batch of 8,192 tokens,
a sixth of the time that it takes.
"""

import ctypes
import os
from typing import Final

import torch

from moodmill.worker.telemetry.metrics import GPU_MEMORY

#: Options of mallopt(3) by their numbers in malloc.h, and what they are set to.
_MALLOC_OPTIONS: Final = (
    (-1, -1),  # M_TRIM_THRESHOLD: never give the end of the heap back
    (-4, 0),  # M_MMAP_MAX: no piece has a mapping of its own, which would go when it is freed
    (-8, 1),  # M_ARENA_MAX: other threads' arenas are made of heaps of 64 MiB, which go when they are empty
)
#: Has torch ask for pages of 2 MiB where the system has them; read when it first takes memory.
_HUGE_PAGES: Final = "THP_MEM_ALLOC_ENABLE"


def keep_memory() -> None:
    """Keep what is freed from now on, for torch on a processor; call it before the threads that compute start.

    C libraries other than GNU's have ways of their own, and are left to them.
    """
    os.environ.setdefault(_HUGE_PAGES, "1")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in _MALLOC_OPTIONS:
            mallopt(option, value)


def report_memory(device: torch.device) -> None:
    """Let the metrics show the memory of a GPU, read each time that somebody asks for them."""
    if device.type != "cuda":
        return
    total = torch.cuda.get_device_properties(device).total_memory
    GPU_MEMORY.labels("allocated").set_function(lambda: torch.cuda.memory_allocated(device))
    GPU_MEMORY.labels("reserved").set_function(lambda: torch.cuda.memory_reserved(device))
    GPU_MEMORY.labels("total").set(total)
