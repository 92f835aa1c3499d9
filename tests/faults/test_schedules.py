"""Any schedule of producers, workers and a broker that loses, repeats, delays and reorders: each record has one end."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from db.store import Store
from tests.faults.simulation import Simulation
from tests.texts import several

#: What becomes of a record, and how one is written that does.
RECORDS: Final = {
    "comment": '{{"id": "{key}", "body": "text of {key}"}}',
    "skip": '{{"id": "{key}", "body": "[deleted]"}}',
    "dead letter": "{{",
}

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

SCHEDULE = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1), st.integers(0, 9)), min_size=20, max_size=60)


def test_each_record_has_one_end_whatever_comes_in_whatever_order(sqlite_store: Store, tmp_path: Path) -> None:
    runs = count()

    @several(40, suppress_health_check=[HealthCheck.too_slow])
    @given(ends=st.lists(st.sampled_from([*RECORDS]), max_size=7), schedule=SCHEDULE)
    def check(ends: list[str], schedule: list[tuple[Step, int, int]]) -> None:
        # given a dump, in a store that all runs share: to make one takes longer than a run
        number = next(runs)
        ends = ["comment", *ends]
        keys = [f"r{number}c{n}" for n in range(len(ends))]
        dump = tmp_path / f"RC_{number}"
        dump.write_text("\n".join(RECORDS[end].format(key=key) for key, end in zip(keys, ends, strict=True)))
        run = Simulation(sqlite_store, dump)
        # when
        for step, which, at in schedule:
            step(run, which, at)
            if at == 0:  # at every step it would take most of the time
                assert run.status.adds_up
        # then, once nothing is in its way any more
        run.end_well()
        found = run.status
        assert run.rows == sorted(key for key, end in zip(keys, ends, strict=True) if end == "comment")
        assert found.classified == found.new_rows == len(run.rows)
        assert (sum(found.skipped.values()), found.dead) == (ends.count("skip"), ends.count("dead letter"))
        assert found.succeeded == (found.dead == 0)

    check()
