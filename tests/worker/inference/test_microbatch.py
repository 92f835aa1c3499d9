"""The state machine of micro-batches, with the clock passed in."""

import random
from dataclasses import dataclass
from itertools import pairwise

import pytest

from moodmill.worker.inference.microbatch import MAX_WAIT_S, WINDOW_BUDGETS, Batcher, cut


@dataclass(frozen=True)
class Item:
    length: int
    number: int = 0


def items(*lengths: int) -> list[Item]:
    return [Item(length, number) for number, length in enumerate(lengths)]


def cost(batch: list[Item]) -> int:
    return len(batch) * max(one.length for one in batch)


def cut_all(batcher: Batcher[Item]) -> list[list[Item]]:
    batches = []
    while batcher.due_in(0.0) is not None:
        batches += batcher.cut()
    return batches


def test_nothing_is_due_while_nothing_waits() -> None:
    batcher: Batcher[Item] = Batcher(100)
    assert batcher.due_in(5.0) is None
    batcher.add(items(3), 5.0)
    batcher.cut()
    assert batcher.due_in(6.0) is None


def test_the_clock_starts_at_the_first_item_of_a_window() -> None:
    batcher: Batcher[Item] = Batcher(100)
    batcher.add(items(3), 10.0)
    batcher.add(items(3), 10.0 + MAX_WAIT_S / 2)

    assert batcher.due_in(10.0 + MAX_WAIT_S / 2) == pytest.approx(MAX_WAIT_S / 2)
    assert batcher.due_in(10.0 + MAX_WAIT_S) == pytest.approx(0, abs=1e-9)
    assert batcher.due_in(99.0) == 0

    cut_all(batcher)
    batcher.add(items(3), 200.0)
    assert batcher.due_in(200.0) == pytest.approx(MAX_WAIT_S)


def test_adding_nothing_starts_no_clock() -> None:
    batcher: Batcher[Item] = Batcher(100)
    batcher.add([], 1.0)
    assert batcher.due_in(1.0) is None
    batcher.add(items(3), 2.0)
    assert batcher.due_in(2.0) == pytest.approx(MAX_WAIT_S)


def test_a_full_window_is_due_at_once() -> None:
    batcher: Batcher[Item] = Batcher(10)
    batcher.add(items(*[10] * (WINDOW_BUDGETS - 1)), 0.0)
    assert batcher.due_in(0.0) == pytest.approx(MAX_WAIT_S)
    batcher.add(items(10), 0.0)
    assert batcher.due_in(0.0) == 0

    cut_all(batcher)
    batcher.add(items(10), 1.0)
    assert batcher.due_in(1.0) == pytest.approx(MAX_WAIT_S), "a new window counts its tokens from 0"


def test_the_newer_half_is_left_to_run_while_the_older_is_stored() -> None:
    batcher: Batcher[Item] = Batcher(100)
    for length in (1, 2, 3):
        batcher.add(items(length, length), 0.0)

    assert [[one.length for one in batch] for batch in batcher.cut()] == [[2, 2, 1, 1]]
    assert batcher.due_in(MAX_WAIT_S) == 0, "it has waited as long as the others"
    assert [[one.length for one in batch] for batch in batcher.cut()] == [[3, 3]]
    assert batcher.due_in(99.0) is None


def test_what_is_left_counts_towards_the_next_window() -> None:
    batcher: Batcher[Item] = Batcher(10)
    batcher.add(items(10), 0.0)
    batcher.add(items(*[10] * (WINDOW_BUDGETS - 1)), 0.0)
    assert batcher.due_in(0.0) == 0
    batcher.cut()
    assert batcher.due_in(0.0) == pytest.approx(MAX_WAIT_S)
    batcher.add(items(10), 0.0)
    assert batcher.due_in(0.0) == 0


def test_batches_hold_items_of_like_length_the_longest_first() -> None:
    assert [[one.length for one in batch] for batch in cut(items(2, 9, 3, 8, 1), 18)] == [[9, 8], [3, 2, 1]]


def test_where_nothing_is_padded_an_item_costs_its_own_length() -> None:
    lengths = [[one.length for one in batch] for batch in cut(items(2, 9, 3, 8, 1), 18, pads=False)]
    assert lengths == [[9, 8], [3, 2, 1]]
    assert [len(batch) for batch in cut(items(10, 1, 1, 1, 1, 1, 1, 1, 1), 18, pads=False)] == [9]
    assert [len(batch) for batch in cut(items(10, 1, 1, 1, 1, 1, 1, 1, 1), 18, pads=True)] == [1, 8]


def test_items_of_one_length_keep_their_order() -> None:
    assert cut(items(4, 4, 4), 12) == [items(4, 4, 4)]


@pytest.mark.parametrize("seed", range(20))
def test_every_item_is_in_one_batch_and_no_batch_is_over_budget(seed: int) -> None:
    chance = random.Random(seed)
    budget = chance.randint(1, 300)
    given = items(*(chance.randint(1, 60) for _ in range(chance.randint(0, 200))))
    batcher: Batcher[Item] = Batcher(budget)
    batcher.add(given, 0.0)

    batches = batcher.cut()

    assert sorted(one.number for batch in batches for one in batch) == list(range(len(given)))
    for batch in batches:
        assert len(batch) == 1 or cost(batch) <= budget
    for batch, following in pairwise(batches):
        assert (len(batch) + 1) * batch[0].length > budget, "a batch takes all it can"
        assert batch[-1].length >= following[0].length


def test_an_item_longer_than_the_budget_goes_alone() -> None:
    assert [[one.length for one in batch] for batch in cut(items(5, 100, 5, 30), 20)] == [[100], [30], [5, 5]]


def test_halving_the_budget_cuts_smaller_batches_but_never_none() -> None:
    batcher: Batcher[Item] = Batcher(5)
    assert [batcher.halve_budget() for _ in range(4)] == [2, 1, 1, 1]
    batcher.add(items(1, 1, 1), 0.0)
    assert [len(batch) for batch in batcher.cut()] == [1, 1, 1]
