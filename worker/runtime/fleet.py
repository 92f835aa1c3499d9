"""The workers of one machine, each under a supervisor of its own, as one thing that is stopped and waited for."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from moodmill.db.core.errors import WorkerError
from moodmill.worker.runtime.supervisor import LOOK_S, Supervisor

logger = logging.getLogger(__name__)


class Fleet:
    """Signals that come while workers are still being started reach all of them, in the order of their start."""

    def __init__(self) -> None:
        self._signals: Final[deque[int]] = deque()

    def signal(self, number: int) -> None:
        """Have a signal handed on to each worker, which is its last; may be called by a signal handler."""
        self._signals.append(number)

    def wait(self, workers: Sequence[Supervisor]) -> int:
        """Keep workers running until each has ended, well or after a signal; return the first status that is not 0.

        One that is given up leaves the others at work, and is logged. When all have ended, the WorkerError of the last
        one that was given up is raised.
        """
        running, statuses = [*workers], [0]
        given_up: WorkerError | None = None
        while running:
            while self._signals:
                number = self._signals.popleft()
                for worker in running:
                    worker.signal(number)
            for worker in [*running]:
                try:
                    status = worker.look()
                except WorkerError as error:
                    running.remove(worker)
                    given_up = error
                    if running:
                        logger.error("%s; the other workers go on", error)  # noqa: TRY400 - no traceback for no defect
                else:
                    if status is not None:
                        running.remove(worker)
                        statuses.append(status)
            if running:
                time.sleep(LOOK_S)
        if given_up:
            raise given_up
        return next((status for status in statuses if status), 0)
