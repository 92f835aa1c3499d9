"""Heartbeats: what a process says again and again, as long as it lives, so that others know."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from moodmill.db.core.errors import MoodmillError

logger = logging.getLogger(__name__)


@contextmanager
def heartbeat(send: Callable[[], None], every_s: float) -> Iterator[None]:
    """Call `send` at once, and again every so many seconds, in a thread, as long as the context lasts.

    A heartbeat that raises a MoodmillError, as where a server is away, is missed: that does no harm.
    """
    ended = threading.Event()

    def beat() -> None:
        while True:
            try:
                send()
            except MoodmillError as error:
                logger.debug("missed a heartbeat: %s", error)
            if ended.wait(every_s):
                break

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
