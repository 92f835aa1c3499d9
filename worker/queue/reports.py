"""What a worker says of itself in the broker, from its first moments on, to who waits for it."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from moodmill.db.core.heartbeat import heartbeat
from moodmill.worker.queue.broker import Broker
from moodmill.worker.telemetry.work import METER

#: Seconds between two reports.
REPORT_S: Final = 1.0


@contextmanager
def worker_reports(broker: Broker) -> Iterator[None]:
    """Send reports of this process as long as the context lasts."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    with heartbeat(lambda: broker.send_report(name, METER.report(time.monotonic())), REPORT_S):
        yield
