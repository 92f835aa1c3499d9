"""Ctrl-C and SIGTERM while a long command goes on."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.text import Text

from moodmill.cli.printing import REMARKS
from moodmill.db.core.errors import MoodmillError, RunError


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT and SIGTERM."""

    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    # SIGINT too: a shell starts what it runs in the background with that signal ignored.
    before = {one: signal.signal(one, interrupt) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def interruptible(runs: Sequence[str]) -> Iterator[None]:
    """On Ctrl-C, SIGTERM or an error: say how the run, once there is one, is finished."""
    try:
        with stoppable():
            yield
    except (KeyboardInterrupt, MoodmillError) as error:
        if isinstance(error, KeyboardInterrupt):
            REMARKS.print("interrupted")
        if runs and not isinstance(error, RunError):  # which says itself what to do
            remedies = f"`moodmill run resume {runs[0]}` finishes the run, `moodmill run cancel {runs[0]}` gives it up."
            REMARKS.print(Text(f"What is done is in the store. {remedies}"), soft_wrap=True)
        if isinstance(error, KeyboardInterrupt):
            sys.exit(130)
        raise
