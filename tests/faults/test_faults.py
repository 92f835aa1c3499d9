"""Faults in mid-run, on real processes and servers: afterwards every record has exactly one end, and the right one."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.faults.catalogue import CATALOGUE, Fault
from tests.faults.scene import scene, texts
from tests.faults.table import Row
from tests.support import wait_until
from tests.worker.builders import plain_probabilities


@pytest.fixture(scope="session")
def expected(tiny_model: Path) -> NDArray[np.float32]:
    """What a run without faults stores."""
    return plain_probabilities(tiny_model, texts())


@pytest.mark.parametrize(
    "fault",
    [pytest.param(one, id=one.name, marks=[pytest.mark.long] if one.long else []) for one in CATALOGUE],
)
def test_nothing_is_lost_and_nothing_is_there_twice(
    fault: Fault,
    request: pytest.FixtureRequest,
    tiny_model: Path,
    expected: NDArray[np.float32],
    record_property: Callable[[str, object], None],
) -> None:
    url = request.getfixturevalue("postgres_url") if fault.store == "postgresql" else ""
    with scene(url, tiny_model, aof=fault.aof) as made:
        for producer in fault.act(made):
            made.finish(producer)
        seconds = time.monotonic() - made.struck_at
        made.check(expected, fault.dead)
        made.drain()
        wait_until(made.emptied)
        found = made.check(expected, fault.dead)
    ends = found.classified + sum(found.skipped.values()) + found.dead
    record_property(
        "fault",
        Row(
            fault=fault.name,
            store=fault.store,
            records=found.read,
            ends=ends,
            lost=found.read - ends,
            twice=found.classified - found.new_rows,
            seconds=seconds,
        )._asdict(),
    )
