"""What strikes at clocks."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from tests.faults.catalogue.fault import SHORT_QUEUE, fault
from tests.faults.scene import Clock, Database, Scene

HOUR_S: Final = 3600
#: The clocks that jump, by what is theirs, and the stores beside which they do.
_CLOCKS: Final[Sequence[tuple[str, Clock, Sequence[Database]]]] = (
    ("the worker", "worker", ("sqlite", "postgresql")),
    ("the producer", "label", ("sqlite",)),
    ("Redis", "valkey", ("sqlite",)),
)


def _jump(found: Scene, whose: Clock) -> None:
    """Set a clock an hour ahead, then a day behind, then right again."""
    for seconds in (HOUR_S, -24 * HOUR_S, 0):
        found.set_clock(whose, seconds)
        found.until_done(found.done() + 2)


for _name, _clock, _databases in _CLOCKS:
    fault(
        f"clock of {_name} jumps an hour ahead, a day back, and right again",
        *_databases,
        has_clocks=True,
        settings=SHORT_QUEUE,
        storm=False,
    )(partial(_jump, whose=_clock))


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
