"""How long a file may wait for the transaction that names it."""

import time
from typing import Final

from moodmill.db.core.errors import StoreAwayError

#: Seconds; a merge of large files takes hours. What no transaction named is collected long after
#: (moodmill.db.lake.garbage): so nothing is that one still may name.
MAX_WAIT_S: Final = 6 * 3600.0


class Lateness:
    """Counts from when a file was begun, by two clocks: one goes on while the machine sleeps, nobody sets the other."""

    def __init__(self) -> None:
        self._wall_s: Final = time.time()
        self._running_s: Final = time.monotonic()

    def refuse(self) -> None:
        """Raise StoreAwayError where it is so late that the file may be taken for garbage."""
        if max(time.time() - self._wall_s, time.monotonic() - self._running_s) > MAX_WAIT_S:
            raise StoreAwayError("a file waited too long for the store: its rows are written anew")
