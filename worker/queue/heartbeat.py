"""A worker's heartbeat in the broker: by it producers tell a chunk in work from one whose worker died."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import BrokerError
from moodmill.db.core.heartbeat import heartbeat
from moodmill.worker.queue.broker import Broker

logger = logging.getLogger(__name__)

#: Seconds between two heartbeats.
BEAT_S: Final = 4.0


@contextmanager
def worker_heartbeat(broker: Broker, worker: str, engine: Engine) -> Iterator[None]:
    """Send heartbeats of a worker as long as the context lasts, and say then that it ended well."""
    try:
        with heartbeat(lambda: broker.send_heartbeat(worker, engine=engine), BEAT_S):
            yield
    finally:
        try:
            broker.forget(worker)
        except BrokerError as error:
            logger.debug("the last heartbeat stays: %s", error)
