"""Ends a process in which a step hangs: Celery's threads pool has no time limits, and would wait for ever.

Whoever started the process starts another. The chunks in work are not acknowledged and count as tried.
"""

import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Self, TextIO

logger = logging.getLogger(__name__)

#: Exit status of a process with a step that hangs.
STALLED_STATUS: Final = 75
#: Seconds a step may take where no setting says so: far more than a micro-batch takes on the slowest machine.
LIMIT_S: Final = 300.0
#: Looks within the time that a step may take.
LOOKS: Final = 10


class Watchdog:
    """Steps register while they run; as a context manager it watches them. Without it they are only noted."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        """`limit_s`: seconds a step may take."""
        self._limit_s = limit_s
        self._steps: dict[object, tuple[str, float]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._arm()  # not left to the thread, which a step that hangs at once would never let begin
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        faulthandler.cancel_dump_traceback_later()

    @contextmanager
    def watching(self, step: str) -> Iterator[None]:
        """Let the process end when the block takes longer than the limit; `step` is what the log calls it."""
        key = object()
        self._steps[key] = (step, time.monotonic())
        try:
            yield
        finally:
            del self._steps[key]

    def overdue(self, now: float) -> str | None:
        """Return a step that has taken too long at the moment `now` of the monotonic clock, or None."""
        return next((step for step, since in [*self._steps.values()] if now - since > self._limit_s), None)

    def _arm(self) -> None:
        """End the process unless this is called again: for code that never lets another thread run, ours included."""
        faulthandler.dump_traceback_later(2 * self._limit_s, exit=True, file=_said())

    def _watch(self) -> None:
        try:
            while not self._ended.wait(self._limit_s / LOOKS):
                self._arm()
                step = self.overdue(time.monotonic())
                if step is not None:
                    logger.critical("%s takes more than %g s: the process ends", step, self._limit_s)
                    faulthandler.dump_traceback(_said())
                    os._exit(STALLED_STATUS)
        except BaseException:
            logger.critical("the watchdog died, and without it nobody would notice what hangs", exc_info=True)
            os._exit(STALLED_STATUS)


def _said() -> TextIO:
    return sys.__stderr__ or sys.stderr  # Celery puts a thing without a file into sys.stderr
