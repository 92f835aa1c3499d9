"""A fault at every operation: whatever fails, hangs or kills its process, every record has exactly one end."""

import os
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Final, get_args

import pytest

from tests.faults.lakes import Lake
from tests.faults.points.scenarios import OF_LAKES, SCENARIOS, NightlyJob, Scenario, Work
from tests.faults.points.setup import setup
from tests.faults.points.sweep import Sweep
from tests.faults.scene import Database
from tests.faults.table import SweepRow

#: Strikes of a scenario that are part of `make test`, whichever, on one database each: SEED brings the same again, and
#: ONLY those at points that hold its words.
SAMPLE: Final = 1
SEED: Final = int(os.environ.get("SEED", "0"))
ONLY: Final = os.environ.get("ONLY", "")
DATABASES: Final[tuple[Database, Database]] = ("postgresql", "sqlite")
#: The longest ones first, or one is left over when those beside it have nothing to do any more.
LAKE_RUNS: Final = [*product(OF_LAKES, get_args(Lake))]
RUNS: Final = [*product(sorted(SCENARIOS, key=lambda kind: kind not in (Work, NightlyJob)), DATABASES)]


@pytest.mark.parametrize(("database", "kinds"), [("sqlite", SCENARIOS[::2]), ("postgresql", SCENARIOS[1::2])])
def test_some_faults_at_some_operations_cost_nothing(
    database: Database, kinds: Sequence[type[Scenario]], tiny_model: Path
) -> None:
    with setup(tiny_model, database) as made:
        outcomes = [Sweep(made, kind(made)).run(sample=SAMPLE, seed=SEED) for kind in kinds]
    assert not [one for outcome in outcomes for one in outcome.failed]


@pytest.mark.xdist_group("s3")
@pytest.mark.parametrize("lake", get_args(Lake))
def test_some_faults_at_some_operations_on_a_lake_cost_nothing(lake: Lake, tiny_model: Path) -> None:
    with setup(tiny_model, "sqlite", lake) as made:
        outcomes = [Sweep(made, kind(made)).run(sample=SAMPLE, seed=SEED) for kind in OF_LAKES]
    assert not [one for outcome in outcomes for one in outcome.failed]


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "lake"), LAKE_RUNS, ids=[f"{kind.name}-{lake}" for kind, lake in LAKE_RUNS])
def test_no_fault_at_any_operation_on_a_lake_costs_anything(
    kind: type[Scenario], lake: Lake, tiny_model: Path, record_property: Callable[[str, object], None]
) -> None:
    with setup(tiny_model, "sqlite", lake) as made:
        outcome = Sweep(made, kind(made)).run(only=ONLY)
    record_property("sweep", SweepRow.of(outcome, f"lake, {lake}")._asdict())
    assert not outcome.failed, f"{len(outcome.failed)} of them:\n" + "\n\n".join(outcome.failed)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("kind", "database"), RUNS, ids=[f"{kind.name}-{database}" for kind, database in RUNS])
def test_no_fault_at_any_operation_costs_anything(
    kind: type[Scenario], database: Database, tiny_model: Path, record_property: Callable[[str, object], None]
) -> None:
    with setup(tiny_model, database) as made:
        outcome = Sweep(made, kind(made)).run(only=ONLY)
    record_property("sweep", SweepRow.of(outcome, database)._asdict())
    assert not outcome.failed, f"{len(outcome.failed)} of them:\n" + "\n\n".join(outcome.failed)
