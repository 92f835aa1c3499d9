"""Gives the model of a real worker process a fault; Python imports this at its start where PYTHONPATH names the folder.

MOODMILL_TEST_FAULT=KIND:TOKEN    texts with this token id cause the fault; every text does where TOKEN is "any"
MOODMILL_TEST_FAULT_FILE=FILE     optional: the fault occurs only as long as FILE exists
MOODMILL_TEST_FAULT_ONCE=1        optional: the first to meet the fault deletes FILE
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def raise_exception() -> None:
    raise IndexError("index out of range in self")


def raise_memory_error() -> None:
    raise MemoryError


def raise_system_exit() -> None:
    raise SystemExit(3)


def raise_device_error() -> None:
    import torch

    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


FAULTS: dict[str, Callable[[], object]] = {
    "exception": raise_exception,
    "memory": raise_memory_error,
    "exit": raise_system_exit,
    "device": raise_device_error,
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(3600),
    "slow": lambda: time.sleep(0.05),
    "hang-with-gil": lambda: ctypes.PyDLL(None).sleep(3600),  # PyDLL calls without giving the interpreter free
}


def due(token: str, ids: Sequence[Sequence[int]]) -> bool:
    if token != "any" and not any(int(token) in one for one in ids):
        return False
    file = os.environ.get("MOODMILL_TEST_FAULT_FILE")
    if file is None:
        return True
    there = Path(file).exists()
    if there and os.environ.get("MOODMILL_TEST_FAULT_ONCE"):
        Path(file).unlink(missing_ok=True)
    return there


def spoil(module: ModuleType) -> None:
    faults = [one.split(":") for one in os.environ["MOODMILL_TEST_FAULT"].split(",")]
    healthy = module.EmotionModel.probabilities

    def probabilities(self: Any, ids: Sequence[Sequence[int]], pad_id: int) -> Any:
        for kind, token in faults:
            if due(token, ids):
                FAULTS[kind]()
        return healthy(self, ids, pad_id)

    module.EmotionModel.probabilities = probabilities


class Spoiler(MetaPathFinder):
    """Spoils the model's module when it is imported."""

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name != "worker.model":
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is None or spec.loader is None:
            raise ImportError(name)
        execute = spec.loader.exec_module

        def execute_and_spoil(module: ModuleType) -> None:
            execute(module)
            spoil(module)

        spec.loader.exec_module = execute_and_spoil  # type: ignore[method-assign]
        return spec


if "MOODMILL_TEST_FAULT" in os.environ:
    sys.meta_path.insert(0, Spoiler())
