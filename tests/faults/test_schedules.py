"""Any schedule of producers, workers and a broker that loses, repeats, delays and reorders: each record has one end.

A seed is a schedule. Hypothesis' own state machine takes as long to choose steps as these take to run, and its seed is
that of a whole search. To make a failure small needs no more than a loop, as any part of a schedule is one as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

import pytest

from moodmill.db.database.store import Store
from tests.faults.simulation import Simulation
from tests.texts import several

#: What becomes of a record, and how one is written that does.
RECORDS: Final = {
    "comment": '{{"id": "c{n}", "body": "text {n}"}}',
    "the first comment again": '{{"id": "c0", "body": "text 0"}}',
    "skip": '{{"id": "c{n}", "body": "[deleted]"}}',
    "dead letter": "{{",
}
#: Dumps that the schedules are about, of so many records at most.
DUMPS: Final = 50
RECORDS_OF_A_DUMP: Final = 8
#: Steps of a schedule at most, those that find nothing to do included.
STEPS_OF_A_SCHEDULE: Final = 50
#: Processes may share the schedules, each with a store of its own.
PARTS: Final = 4

#: A step, with which of two takes it and at which of several things.
Step = Callable[[Simulation, int, int], None]


def a_producer_reads_on(run: Simulation, which: int, at: int) -> None:
    run.producers[which].read_on(twice=at % 3 == 0)


def a_producer_dies_before_it_sends(run: Simulation, which: int, _: int) -> None:
    run.producers[which].read_on(sends=False)
    run.producers[which] = run.new_producer()


def a_producer_looks(run: Simulation, which: int, _: int) -> None:
    run.producers[which].look()


def a_producer_resumes(run: Simulation, which: int, _: int) -> None:
    run.producers[which].resume()


def a_worker_takes_a_chunk(run: Simulation, which: int, at: int) -> None:
    idle = [worker for worker in run.workers if worker.work is None]
    if run.broker.queue and idle:
        idle[which % len(idle)].take(at)


def a_worker_finishes(run: Simulation, which: int, at: int) -> None:
    for worker in run.busy(which):
        worker.finish(twice=at % 3 == 0)


def a_worker_finishes_while_the_broker_is_away(run: Simulation, which: int, _: int) -> None:
    for worker in run.busy(which):
        worker.finish(acknowledges=False)


def a_worker_fails(run: Simulation, which: int, _: int) -> None:
    for worker in run.busy(which):
        worker.fail()


def a_worker_dies(run: Simulation, which: int, _: int) -> None:
    for worker in run.busy(which):
        run.replace(worker)


def a_message_is_lost(run: Simulation, _: int, at: int) -> None:
    if run.broker.queue:
        run.broker.queue.pop(at % len(run.broker.queue))


def a_message_is_repeated(run: Simulation, _: int, at: int) -> None:
    if run.broker.queue:
        run.broker.queue.append(run.broker.queue[at % len(run.broker.queue)])


def a_taken_message_comes_again(run: Simulation, _: int, at: int) -> None:
    if run.broker.taken:
        run.broker.deliver_again(sorted(run.broker.taken)[at % len(run.broker.taken)])


def the_broker_is_emptied(run: Simulation, _: int, __: int) -> None:
    run.broker.queue.clear()
    run.broker.taken.clear()


#: What goes well comes more often than what does not.
STEPS: Final[list[Step]] = [
    *[a_producer_reads_on, a_worker_takes_a_chunk, a_worker_finishes] * 4,
    *[a_producer_looks, a_taken_message_comes_again, a_message_is_repeated, a_worker_dies] * 2,
    a_producer_dies_before_it_sends,
    a_producer_resumes,
    a_worker_finishes_while_the_broker_is_away,
    a_worker_fails,
    a_message_is_lost,
    the_broker_is_emptied,
]


@dataclass(frozen=True)
class Choice:
    """A step, with which of two takes it and at which of several things."""

    step: Step
    which: int
    at: int

    def __repr__(self) -> str:
        return f"{self.step.__name__}({self.which}, {self.at})"


class Dump:
    """A file of records whose ends are known."""

    def __init__(self, store: Store, folder: Path, number: int) -> None:
        random = Random(number)
        self.ends = ["comment", *random.choices([*RECORDS], k=random.randrange(RECORDS_OF_A_DUMP))]
        self._ids = [f"c{n}" for n, end in enumerate(self.ends) if end == "comment"]
        self._file = folder / f"RC_{number}"
        self._file.write_text("\n".join(RECORDS[end].format(n=n) for n, end in enumerate(self.ends)))
        self._store = store
        self._opened = Simulation(store, self._file).begun

    def label(self, schedule: list[Choice]) -> None:
        """Go through a schedule, in a run of its own. Raises whatever shows that a record has not one end."""
        run = Simulation(self._store, self._file, self._opened)
        for choice in schedule:
            choice.step(run, choice.which, choice.at)
            if choice.at == 0:  # at every step it would take most of the time
                assert run.status.adds_up
        run.end_well()  # nothing is in its way any more
        found = run.status
        assert run.rows(self._ids) == self._ids
        assert found.new_rows == len(self._ids)
        assert found.labelled_before == self.ends.count("the first comment again")
        assert (sum(found.skipped.values()), found.dead) == (self.ends.count("skip"), self.ends.count("dead letter"))
        assert found.succeeded == (found.dead == 0)


def schedule_of(seed: int) -> list[Choice]:
    random = Random(seed)
    steps = random.choices(STEPS, k=random.randint(1, STEPS_OF_A_SCHEDULE))
    return [Choice(step, random.randrange(2), random.randrange(20)) for step in steps]


def fault_of(dump: Dump, schedule: list[Choice]) -> Exception | None:
    try:
        dump.label(schedule)
    except Exception as error:  # noqa: BLE001 - told by whoever asks, whatever it is
        return error
    return None


def shortest(dump: Dump, schedule: list[Choice]) -> list[Choice]:
    """Leave out step after step of a schedule that fails, as long as it fails."""
    at = 0
    while at < len(schedule):
        shorter = schedule[:at] + schedule[at + 1 :]
        schedule, at = (shorter, 0) if fault_of(dump, shorter) else (schedule, at + 1)
    return schedule


@pytest.mark.parametrize("part", range(PARTS))
def test_each_record_has_one_end_whatever_comes_in_whatever_order(
    sqlite_store: Store, tmp_path: Path, part: int
) -> None:
    # given dumps that all schedules share: to look into one takes longer than a schedule
    dumps = [Dump(sqlite_store, tmp_path, number) for number in range(DUMPS)]
    for seed in range(part, several(2000).max_examples, PARTS):
        dump, schedule = dumps[seed % DUMPS], schedule_of(seed)
        # when
        fault = fault_of(dump, schedule)
        # then
        if fault is not None:
            steps = shortest(dump, schedule)
            raise AssertionError(f"seed {seed}, over {dump.ends}: {steps}") from fault_of(dump, steps)
