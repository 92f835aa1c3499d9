"""Faults in mid-run, on real processes and servers: afterwards every record has exactly one end, and the right one."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.catalogue import CATALOGUE, Fault
from tests.faults.scene import Database, scene
from tests.faults.table import Row
from tests.support import wait_until

EACH = [
    pytest.param(one, database, id=f"{one.name} ({database})", marks=[] if one.short and first else [pytest.mark.long])
    for one in CATALOGUE
    for first, database in zip([True, False], one.databases, strict=False)
]


@pytest.mark.parametrize(("fault", "database"), EACH)
def test_nothing_is_lost_and_nothing_is_there_twice(
    fault: Fault, database: Database, tiny_model: Path, record_property: Callable[[str, object], None]
) -> None:
    if fault.scenery.get("is_disk_small") and os.geteuid() != 0:
        pytest.skip("mounting a small disk needs the rights of root")
    with scene(tiny_model, database=database, poison=fault.poison, settings=fault.settings, **fault.scenery) as found:
        # given a run
        found.begin()
        # when the fault strikes in the middle of it
        struck_at = time.monotonic()
        fault.strike(found)
        assert not found.ended, found.said()
        # then the run ends by itself, and well
        found.finish()
        seconds = time.monotonic() - struck_at
        found.check()
        # and what is still in the broker does no harm
        found.restore()
        wait_until(found.emptied)
        row = Row.of(fault.name, database, found.check(), seconds, fault.remedy)
    record_property("fault", row._asdict())
