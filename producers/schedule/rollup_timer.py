"""Brings the roll-ups up to date every few minutes, whoever added rows: nobody has to remember it after `enqueue`."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.errors import MoodmillError
from moodmill.db.database.store import Store
from moodmill.db.lake.upkeep import tend_lake

logger = logging.getLogger(__name__)

#: Seconds that an aggregation gets to end when the schedule does. Killed in the middle, it is done the next time.
STOP_S: Final = 5.0


@contextmanager
def rollup_timer(open_store: Callable[[], Store], every_s: float) -> Iterator[None]:
    """Aggregate what was added, every so many seconds, as long as the context lasts.

    A store that is away is a line in the log, and asked again the next time.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(every_s):
            try:
                with closing(open_store()) as store:
                    periods = refresh(store)
                    tend_lake(store)
            except MoodmillError as error:
                logger.warning("the roll-ups stay as they are for now: %s", error)
            except Exception:
                logger.exception("roll-ups: internal error; please report it, with this traceback")
            else:
                if periods:
                    logger.info("roll-ups: aggregated %d days and months", periods)

    thread = threading.Thread(target=work, name="roll-ups", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(STOP_S)
