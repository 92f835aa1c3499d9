"""A sweep: a fault at each point that a scenario comes by, one after another, and each time the sum is checked."""

import logging
import random
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from tests.faults.points.scenarios import Scenario
from tests.faults.points.setup import TIMEOUT_S, Setup
from tests.faults.points.struck import ACTIONS, Action, Plan
from tests.faults.points.warm import Started

logger = logging.getLogger(__name__)

#: Runs without a fault, to find the points: which ones a run comes by is a matter of time as well. For a sample, one.
FIRST_RUNS: Final = 2
#: Times that a point of a run without a fault is looked for; one that only a recovery came by is looked for once, as
#: most such are not met again. And times that an operator may have to begin again.
TRIES: Final = 2
REPEATS: Final = 4
#: What no process may ever say, whatever strikes it.
DEFECTS: Final = re.compile(r"internal error|a defect|Traceback")


class Strike(NamedTuple):
    """What happens at a point."""

    point: str
    action: Action

    def __str__(self) -> str:
        return f"{self.action}: {self.point}"


@dataclass(kw_only=True)
class Outcome:
    """What came of a sweep."""

    scenario: str
    points: set[str] = field(default_factory=set)
    #: Strikes after which the process ended well by itself, and those after which an operator began it again.
    healed: int = 0
    repeated: int = 0
    #: Strikes at points that the run did not come by again.
    missed: list[Strike] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Sweep:
    """Strikes at what a scenario comes by."""

    def __init__(self, setup: Setup, scenario: Scenario) -> None:
        self._setup = setup
        self._scenario = scenario
        self._record = setup.folder / f"{scenario.name}.points"
        #: The points of the runs without a fault.
        self._usual: set[str] = set()

    def run(self, *, sample: int | None = None, only: str = "", seed: int = 0) -> Outcome:
        """Strike at all points, at a `sample` of them, or at those that `only` is part of."""
        began = time.monotonic()
        outcome = Outcome(scenario=self._scenario.name)
        for _ in range(FIRST_RUNS if sample is None else 1):
            self._strike(None)
        self._usual.update(self._recorded())
        if sample is None:
            for strike in self._new(outcome, only):
                self._note(outcome, strike)
        else:
            found = list(self._new(outcome, only))
            for strike in random.Random(seed).sample(found, min(sample, len(found))):
                self._note(outcome, strike)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _new(self, outcome: Outcome, only: str) -> Iterator[Strike]:
        """Yield strikes at points that were recorded; later runs may come by others."""
        while fresh := [one for one in self._recorded() if one not in outcome.points and only in one]:
            outcome.points.update(fresh)
            for point in fresh:
                yield from (Strike(point, action) for action in ACTIONS[point.split()[0]])

    def _recorded(self) -> list[str]:
        return list(dict.fromkeys(self._record.read_text().splitlines()))

    def _note(self, outcome: Outcome, strike: Strike) -> None:
        for _ in range(TRIES if strike.point in self._usual else 1):
            try:
                repeats = self._strike(strike)
            except (AssertionError, TimeoutError) as error:
                logger.error("%s: %s\n%s", self._scenario.name, strike, error)  # noqa: TRY400 - it says all
                outcome.failed.append(f"{strike}\n{error}")
                return
            if repeats is not None:
                outcome.healed += repeats == 0
                outcome.repeated += repeats > 0
                return
        outcome.missed.append(strike)

    def _strike(self, strike: Strike | None) -> int | None:
        """Run the scenario once. Return how often an operator began again; None where the strike met nothing."""
        arguments = self._scenario.begin()
        struck = self._setup.folder / "struck"
        struck.unlink(missing_ok=True)
        plan = Plan(
            record=str(self._record),
            source=self._scenario.source,
            folder=str(self._setup.folder),
            struck=str(struck),
        )
        if strike is not None:
            plan.point, plan.action = strike
        started = self._with_worker(arguments, plan) if self._scenario.strikes_worker else self._alone(arguments, plan)
        repeats = 0
        while (again := self._scenario.again()) is not None:
            repeats += 1
            assert repeats <= REPEATS, self._said(started)
            started.append(self._setup.moodmill(*again))
            self._await(started[-1])
        try:
            self._scenario.check()
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._said(started)}") from error
        assert not DEFECTS.search(self._said(started)), self._said(started)
        assert strike is not None or repeats == 0, self._said(started)
        return repeats if strike is None or struck.exists() else None

    def _alone(self, arguments: Sequence[str | Path], plan: Plan) -> list[Started]:
        process = self._setup.moodmill(*arguments, plan=plan)
        self._await(process)
        return [process]

    def _with_worker(self, arguments: Sequence[str | Path], plan: Plan) -> list[Started]:
        """Strike at a worker, from its start to its end."""
        self._setup.stop_worker()
        self._setup.worker = worker = self._setup.start_worker(plan)
        producer = self._setup.moodmill(*arguments)
        self._await(producer)
        self._setup.stop_worker()
        return [producer, worker]

    def _await(self, process: Started) -> None:
        """Wait until a process has ended, with a worker beside it; where one dies, another takes its place."""
        deadline = time.monotonic() + TIMEOUT_S
        while process.poll() is None:
            self._setup.keep_worker()
            if time.monotonic() > deadline:
                raise TimeoutError(self._said([process]))
            time.sleep(0.05)

    def _said(self, started: Sequence[Started]) -> str:
        return "\n".join(f"--- {one.log.name}\n{one.said()}" for one in started)
