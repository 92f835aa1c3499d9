"""What is away is waited for, and that is said once."""

from collections.abc import Iterator

import pytest

from moodmill.db.core.errors import BrokerError, StoreError
from moodmill.db.core.retry import FIRST_PAUSE_S, LONGEST_PAUSE_S, with_retries


def failing(times: int) -> Iterator[int]:
    for _ in range(times):
        yield 0
    while True:
        yield 1


def test_it_tries_again_at_growing_intervals_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    turns, pauses = failing(9), list[float]()

    def attempt() -> str:
        if next(turns) == 0:
            raise StoreError("away")
        return "stored"

    assert with_retries(attempt, StoreError, pauses.append, "a chunk") == "stored"
    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert [record.message for record in caplog.records] == ["a chunk waits: away", "a chunk goes on"]


def test_nothing_is_said_where_all_is_well(caplog: pytest.LogCaptureFixture) -> None:
    assert with_retries(lambda: 1, StoreError, lambda _: None, "a chunk") == 1
    assert caplog.records == []


def test_another_error_is_raised_at_once() -> None:
    def attempt() -> None:
        raise BrokerError("away")

    with pytest.raises(BrokerError):
        with_retries(attempt, StoreError, lambda _: None, "a chunk")


def test_the_pause_ends_the_waiting_by_raising() -> None:
    def attempt() -> None:
        raise StoreError("away")

    def pause(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_retries(attempt, StoreError, pause, "a chunk")
