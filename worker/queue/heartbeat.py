"""A worker's heartbeat in the broker: by it producers tell a chunk in work from one whose worker died."""

import logging
import threading
from typing import Final

from moodmill.db.core.errors import BrokerError
from moodmill.worker.queue.broker import forget, send_heartbeat

logger = logging.getLogger(__name__)

#: Seconds between two heartbeats.
BEAT_S: Final = 4.0


class Heartbeat:
    """Beats as long as the context lasts. A broker that is away misses some beats: that does no harm."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while True:
            try:
                send_heartbeat(self._worker)
            except BrokerError as error:
                logger.debug("no sign of life: %s", error)
            if self._ended.wait(BEAT_S):
                break
        try:
            forget(self._worker)
        except BrokerError as error:
            logger.debug("the last sign of life stays: %s", error)
