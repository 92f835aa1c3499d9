"""Puts faults into a real worker process; Python imports this at its start where PYTHONPATH names the folder.

INJECTED_FAULT holds faults with commas between, each KIND:WHEN, KIND:WHEN:FILE or KIND:WHEN:FILE:once.

    KIND    what happens: a name in FAULTS
    WHEN    a token id: before the model runs texts with it; "any": before it runs whatever texts;
            "stored": after a chunk was committed, and before it is acknowledged;
            "sealing": before a producer notes that all is read;
            "import": when the messages' version is read
    FILE    only as long as this file exists; with "once" the first to meet the fault deletes it

Such a process says at SIGUSR2 what each of its threads is at. One whose clock libfaketime sets (tests/clocks.py) sleeps
all the same.
"""

import ctypes
import faulthandler
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple


def raise_exception() -> None:
    raise IndexError("index out of range in self")


def raise_memory_error() -> None:
    raise MemoryError


def raise_system_exit() -> None:
    raise SystemExit(3)


def raise_device_error() -> None:
    model: Any = sys.modules["moodmill.worker.inference.model"]
    raise model.DeviceError("CUDA error: device-side assert triggered")


def read_and_write_next_version() -> None:
    module: Any = sys.modules["moodmill.worker.queue.message"]
    module.VERSION += 1
    this_version = module.ChunkMessage.to_json
    module.ChunkMessage.to_json = lambda message: this_version(message) | {"version": module.VERSION}


FAULTS: dict[str, Callable[[], object]] = {
    "exception": raise_exception,
    "memory": raise_memory_error,
    "exit": raise_system_exit,
    "device": raise_device_error,
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(3600),
    "hang-with-gil": lambda: ctypes.PyDLL(None).sleep(3600),  # PyDLL calls without giving the interpreter free
    "slow": lambda: time.sleep(0.05),
    "newer": read_and_write_next_version,
}


class Fault(NamedTuple):
    kind: str
    when: str
    file: str = ""
    once: str = ""

    def strike(self) -> None:
        """Happen, unless the file says otherwise."""
        if self.file and not Path(self.file).exists():
            return
        if self.once:
            try:
                Path(self.file).unlink()
            except FileNotFoundError:
                return
        FAULTS[self.kind]()


def spoil_model(kind: Any, faults: Sequence[Fault]) -> None:
    healthy = kind.probabilities

    def probabilities(self: Any, ids: Sequence[Sequence[int]], pad_id: int) -> Any:
        for fault in faults:
            if fault.when == "any" or (fault.when.isdecimal() and any(int(fault.when) in one for one in ids)):
                fault.strike()
        return healthy(self, ids, pad_id)

    kind.probabilities = probabilities


def spoil_processor(module: ModuleType, faults: Sequence[Fault]) -> None:
    healthy = module.ChunkProcessor.process

    def process(self: Any, message: Any) -> None:
        healthy(self, message)
        for fault in faults:
            if fault.when == "stored":
                fault.strike()

    module.ChunkProcessor.process = process


def spoil_ledger(module: ModuleType, faults: Sequence[Fault]) -> None:
    healthy = module.Ledger.close_input

    def close_input(self: Any, run_id: str) -> None:
        for fault in faults:
            if fault.when == "sealing":
                fault.strike()
        healthy(self, run_id)

    module.Ledger.close_input = close_input


def spoil_message(_: ModuleType, faults: Sequence[Fault]) -> None:
    for fault in faults:
        if fault.when == "import":
            fault.strike()


SPOILED: dict[str, Callable[[ModuleType, Sequence[Fault]], None]] = {
    "moodmill.worker.inference.torch_model": lambda module, faults: spoil_model(module.TorchModel, faults),
    "moodmill.worker.inference.openvino_model": lambda module, faults: spoil_model(module.OpenVinoModel, faults),
    "moodmill.worker.runtime.processor": spoil_processor,
    "moodmill.db.ledger.ledger": spoil_ledger,
    "moodmill.worker.queue.message": spoil_message,
}


class Spoiler(MetaPathFinder):
    """Spoils modules when they are imported."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults = faults
        self._searching = False

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if name not in SPOILED or self._searching:
            return None
        self._searching = True
        spec = find_spec(name)
        self._searching = False
        if spec is None or spec.loader is None:
            raise ImportError(name)
        execute = spec.loader.exec_module

        def execute_and_spoil(module: ModuleType) -> None:
            execute(module)
            SPOILED[name](module, self._faults)

        spec.loader.exec_module = execute_and_spoil  # type: ignore[method-assign]
        return spec


if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    # libfaketime takes the moment of the monotonic clock, until which Python has a thread sleep, for one of the other.
    time.sleep = lambda seconds: select.select([], [], [], float(seconds)) and None

if os.environ.get("INJECTED_FAULT"):
    faulthandler.register(signal.SIGUSR2)
    given = os.environ["INJECTED_FAULT"].split(",")
    sys.meta_path.insert(0, Spoiler([Fault(*one.split(":")) for one in given]))
