"""What strikes at producers."""

from typing import Final

from tests.faults.catalogue.fault import SHORT_QUEUE, fault
from tests.faults.scene import Scene

_RESUME: Final = "`moodmill run resume RUN`"


@fault("producer killed in mid-run, then two resume at once", remedy=_RESUME, settings=SHORT_QUEUE, short=["openvino"])
def _(found: Scene) -> None:
    found.kill_producers()
    found.add_producer()
    found.add_producer()


@fault("producer killed when all is sent, before the run is sealed", remedy=_RESUME, storm=False)
def _(found: Scene) -> None:
    found.kill_producers()
    found.add_producer()
    found.inject("kill:sealing")
    found.kill_producers()
    found.add_producer()
