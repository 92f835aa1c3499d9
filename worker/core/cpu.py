"""What this machine's processor is and can do, and how busy it is. Imports no model library."""

import math
import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Final

#: Names of a 64-bit x86 processor by system.
_X86: Final = ("x86_64", "AMD64")
#: Instructions that multiply 8-bit numbers and add them up in 32 bits, as Linux calls them. Without one of them the
#: sums pass through 16 bits, and saturate: https://github.com/microsoft/onnxruntime/issues/14642.
_INT8: Final = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})
_BF16: Final = frozenset({"avx512_bf16", "amx_bf16"})
#: Quota and period of a container's processors, in µs: "max 100000" where there is none.
#: https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def is_x86() -> bool:
    return platform.machine() in _X86


def has_bf16() -> bool:
    """Tell whether the processor multiplies bf16 by itself."""
    return bool(_BF16 & instructions())


def has_int8() -> bool:
    """Tell whether the processor has instructions for static int8, as VNNI or AMX."""
    return bool(_INT8 & instructions())


@cache
def instructions() -> frozenset[str]:
    """Return the names of the processor's instruction sets, as Linux has them; none on another system."""
    return frozenset(_cpuinfo("flags").split())


@cache
def processor() -> str:
    """Return what kind of processor this is; not whose, where it says so: each new container has another name."""
    return _cpuinfo("model name") or platform.node()


def usable_cores() -> int:
    """Return how many cores this process may use: what it is bound to, and what its container grants, rounded up.

    `OMP_NUM_THREADS` says another number, as it does to torch.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(bound, _granted()))


def load() -> float:
    """Return how many processes wanted a core lately, on average over a minute."""
    return os.getloadavg()[0]


def _granted() -> int:
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # "max": no limit; another system than Linux, or an older cgroup
        return os.cpu_count() or 1


def _cpuinfo(field: str) -> str:
    try:
        found = re.search(rf"^{field}\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:  # another system than Linux
        found = None
    return found[1] if found else ""
