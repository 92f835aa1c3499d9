"""Faults in mid-run, on real processes and servers: afterwards every record has exactly one end, and the right one."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from moodmill.db.core.engine import EngineName
from tests.faults.catalogue import CATALOGUE, Fault
from tests.faults.lakes import Lake
from tests.faults.scene import Database, scene
from tests.faults.table import Row
from tests.support import wait_until


def each() -> Iterator[object]:
    """Yield each fault on each database and lake, and once more on torch: what classifies has no part in storing."""
    for fault in CATALOGUE:
        first = fault.databases[0]
        places: list[tuple[EngineName, Database]] = [*(("openvino", one) for one in fault.databases), ("torch", first)]
        for engine, database in places:
            is_short = engine in fault.short and database == first
            marks = [] if is_short else [pytest.mark.long]
            yield pytest.param(fault, engine, database, None, id=f"{fault.name} ({engine}, {database})", marks=marks)
        for lake in get_args(Lake):
            named = f"{fault.name} (openvino, {first}, lake {lake})"
            yield pytest.param(fault, "openvino", first, lake, id=named, marks=[pytest.mark.long])


@pytest.mark.parametrize(("fault", "engine", "database", "lake"), [*each()])
def test_nothing_is_lost_and_nothing_is_there_twice(
    fault: Fault,
    engine: EngineName,
    database: Database,
    lake: Lake | None,
    tiny_model: Path,
    record_property: Callable[[str, object], None],
) -> None:
    if fault.scenery.get("is_disk_small") and os.geteuid() != 0:
        pytest.skip("mounting a small disk needs the rights of root")
    settings = {**fault.settings, "MOODMILL_ENGINE": engine}
    with scene(
        tiny_model, database=database, lake=lake, poison=fault.poison, settings=settings, **fault.scenery
    ) as found:
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
        store = database if lake is None else f"{database}, lake {lake}"
        row = Row.of(fault.name, engine, store, found.check(), seconds, fault.remedy)
    record_property("fault", row._asdict())
