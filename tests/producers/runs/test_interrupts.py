import signal
import threading
from contextlib import suppress

import pytest

from moodmill.producers.runs.interrupts import kept_interrupts
from moodmill.producers.runs.waiter import Progress
from tests.producers.runs.builders import progress

HALF = progress()


def drop_one(number: signal.Signals) -> None:
    """Send this process a signal whose exception is dropped, as Python does in a finalizer."""
    with suppress(KeyboardInterrupt):
        signal.raise_signal(number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_whose_exception_was_dropped_is_raised_with_the_next_progress(
    number: signal.Signals,
) -> None:
    before = signal.signal(number, signal.default_int_handler)
    seen: list[Progress] = []
    try:
        with kept_interrupts(seen.append) as show:
            show(HALF)
            drop_one(number)
            with pytest.raises(KeyboardInterrupt):
                show(HALF)
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert seen == [HALF]


def test_an_interrupt_is_raised_where_it_comes() -> None:
    # A shell starts what it runs in the background with this signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), kept_interrupts(lambda _: None):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_signals_alone() -> None:
    before, found = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with kept_interrupts(lambda _: None):
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]
