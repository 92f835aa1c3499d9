"""What strikes at clocks."""

from typing import Final

from tests.faults.catalogue.fault import SHORT_QUEUE, fault
from tests.faults.scene import Clock, Scene

HOUR_S: Final = 3600


def _jump(found: Scene, whose: Clock) -> None:
    """Set a clock an hour ahead, then a day behind, then right again."""
    for seconds in (HOUR_S, -24 * HOUR_S, 0):
        found.set_clock(whose, seconds)
        found.until_done(found.done() + 2)


@fault(
    "clock of the worker jumps an hour ahead, a day back, and right again",
    "sqlite",
    "postgresql",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "worker")


@fault(
    "clock of the producer jumps an hour ahead, a day back, and right again",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "label")


@fault(
    "clock of Redis jumps an hour ahead, a day back, and right again",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    _jump(found, "valkey")


@fault(
    "clocks of worker and producer an hour apart, worker killed in mid-batch",
    "sqlite",
    "postgresql",
    has_clocks=True,
    settings=SHORT_QUEUE,
    storm=False,
)
def _(found: Scene) -> None:
    found.set_clock("worker", HOUR_S)
    found.set_clock("label", -HOUR_S)
    found.kill_worker()
