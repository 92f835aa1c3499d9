"""A chunk is lost when nobody is left who would finish it, and only then."""

import pytest

from moodmill.producers.runs.recovery import Recovery, Snapshot


def look(
    pending: dict[int, str | None], *, queued: set[int] | None = None, taken: set[int] | None = None, alive: str = ""
) -> Snapshot:
    tags = {number: [f"tag-{number}"] for number in taken or ()}
    return Snapshot(pending=pending, queued=queued or set(), taken=tags, alive=set(alive.split()))


@pytest.mark.parametrize(
    "cared_for",
    [
        look({0: None}, queued={0}),
        look({0: "dead"}, queued={0}),  # sent again, and waiting for another worker
        look({0: "w"}, taken={0}, alive="w"),
        look({}),
    ],
)
def test_a_chunk_that_somebody_will_finish_is_never_lost(cared_for: Snapshot) -> None:
    recovery = Recovery()
    assert [recovery.lost(cared_for) for _ in range(3)] == [set()] * 3


@pytest.mark.parametrize(
    "lost",
    [
        look({0: None}),
        look({0: "w"}, alive="w"),  # acknowledged, or wiped with the broker: the worker has it no more
        look({0: "dead"}, taken={0}, alive="w"),
        look({0: None}, taken={0}, alive="w"),  # its worker died between taking and beginning
    ],
)
def test_a_chunk_without_anybody_is_lost_at_the_second_look_and_then_forgotten(lost: Snapshot) -> None:
    recovery = Recovery()
    assert [recovery.lost(lost) for _ in range(4)] == [set(), {0}, set(), {0}]


def test_a_chunk_on_its_way_between_two_looks_is_not_lost() -> None:
    recovery = Recovery()
    assert recovery.lost(look({0: None, 1: None}, queued={1})) == set()
    assert recovery.lost(look({0: "w", 1: None}, taken={0, 1}, alive="w")) == set()
    assert recovery.lost(look({0: "w", 1: "w"}, taken={0, 1}, alive="w")) == set()
    assert recovery.lost(look({0: "w", 1: "w"}, taken={0}, alive="w")) == set()
    assert recovery.lost(look({0: "w", 1: "w"}, taken={0}, alive="w")) == {1}


def test_a_long_backlog_is_no_loss() -> None:
    recovery = Recovery()
    backlog = look(dict.fromkeys(range(1000)), queued=set(range(1000)))
    assert [recovery.lost(backlog) for _ in range(3)] == [set()] * 3
