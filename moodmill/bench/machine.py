"""The machine that is measured on: what it is, and how fast it multiplies matrices."""

import math
import os
import platform
import resource
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional

from moodmill.worker.core import cpu

#: What the figures depend on.
PACKAGES: Final = (
    *("moodmill", "torch", "transformers", "tokenizers", "celery"),
    *("onnxruntime", "openvino", "nncf", "ray"),
)
#: What multiplies matrices faster in a processor of x86: each by the flags in Linux of which one says that it is there.
INSTRUCTIONS: Final = {
    "VNNI": {"avx512_vnni", "avx_vnni"},
    "bf16": {"avx512_bf16", "amx_bf16"},
    "AMX": {"amx_int8", "amx_bf16"},
}
#: Seconds for which a product is repeated.
SECONDS: Final = 1.0


def describe() -> dict[str, str]:
    """Return what of this machine and its software bears on speed."""
    found = {
        "processor": cpu.processor(),
        "cores": f"{os.cpu_count()}, {torch.get_num_threads()} threads of torch",
        "instructions": ", ".join([torch.backends.cpu.get_cpu_capability(), *instructions()]),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def instructions() -> list[str]:
    """Return which of INSTRUCTIONS this processor has; none of them where the system does not tell."""
    return [name for name, either in INSTRUCTIONS.items() if either & cpu.instructions()]


def product_rate(device: torch.device, dtype: torch.dtype, rows: int, inputs: int, outputs: int) -> float:
    """Return the floating-point operations a second of [rows, inputs] x [inputs, outputs], repeated for a while."""
    left = torch.randn(rows, inputs, device=device).to(dtype)
    right = torch.randn(outputs, inputs, device=device).to(dtype)

    def seconds(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            functional.linear(left, right)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begun

    seconds(3)
    times = max(3, int(3 * SECONDS / seconds(3)))
    return 2.0 * rows * inputs * outputs * times / seconds(times)


def peak_memory_mib(pid: int | None = None) -> float:
    """Return the most memory that this process ever held, or another one; NaN where the system does not tell of others.

    As proc_pid_status(5) has it in VmHWM.
    """
    if pid is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.nan
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), math.nan)
