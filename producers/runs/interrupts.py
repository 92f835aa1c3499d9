"""Ctrl-C and SIGTERM that are not lost: Python drops what a signal handler raises within a finalizer.

A signal comes where the main thread happens to be. In a callback of the garbage collector, as SQLAlchemy has them, the
KeyboardInterrupt is written to standard error as "Exception ignored in …", and the run would go on to its end.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from moodmill.producers.runs.waiter import OnProgress, Progress


@contextmanager
def kept_interrupts(on_progress: OnProgress) -> Iterator[OnProgress]:
    """Yield what takes the progress, and raises KeyboardInterrupt if a signal came and its exception was dropped.

    Signals are handled as before besides. In another thread than the main one, which gets none, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield on_progress
        return
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    came = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal came
        handler = handlers[signal.Signals(number)]
        came = True
        if callable(handler):
            handler(number, frame)

    def show(progress: Progress) -> None:
        if came:
            raise KeyboardInterrupt
        on_progress(progress)

    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, note)
    try:
        yield show
    finally:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handler)
