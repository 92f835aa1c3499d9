"""The door of a worker: only messages of ours come in, of bounded size. Others are put aside, and not lost.

kombu and Celery would take whatever lies in the queue: what is no JSON stops the worker, what is compressed is
decompressed before any task code runs and may fill the memory, and what is for an unknown task is dropped with its body
in the log. So this stands between the queue and them.
"""

import json
import logging
from typing import Any, Final

from kombu.transport import TRANSPORT_ALIASES, redis

logger = logging.getLogger(__name__)

#: The list of what was put aside, and how many of the latest it holds.
REFUSED: Final = "refused"
REFUSED_KEPT: Final = 100
#: Characters of a message's body. Most have some 100,000; a chunk of two million characters that ends with the longest
#: line there may be, all of it escaped, stays below.
MAX_BODY: Final = 96 << 20
#: The queue that has this door, and the task that its messages are for.
QUEUE: Final = "chunks"
TASK: Final = "moodmill.classify"


class Channel(redis.Channel):
    """Takes messages out of Redis."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except json.JSONDecodeError as error:
            self.put_aside(error.doc, "is no JSON")
        except UnicodeDecodeError as error:
            self.put_aside(error.object, "is no JSON")
        except RecursionError:
            logger.error("a message is nested too deeply; it is gone")  # noqa: TRY400 - its traceback is endless
        return True

    def put_aside(self, item: str | bytes, reason: str) -> None:
        """Keep an item that is no message of ours where people can look at it; the log says only why."""
        logger.warning("a message %s: it lies in the list %s now", reason, REFUSED)
        with self.conn_or_acquire() as client:
            client.lpush(REFUSED, item)
            client.ltrim(f"{self.global_keyprefix}{REFUSED}", 0, REFUSED_KEPT - 1)


class Transport(redis.Transport):
    """Hands messages on to Celery."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str) -> None:
        reason = why_not(message) if queue == QUEUE else None  # Celery has queues for events of its own
        if reason is None:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]
        else:
            next(iter(self.channels)).put_aside(json.dumps(message), reason)


def why_not(message: Any) -> str | None:
    """Return what is wrong with a message as it lies in the queue, or None when it may come in."""
    match message:
        case {"body": str(body), "headers": {"task": task} as headers, "properties": {"delivery_tag": str()}}:
            if task != TASK:
                return "is for another task"
            if "compression" in headers:
                return "is compressed"
            if len(body) > MAX_BODY:
                return f"has {len(body)} characters, at most {MAX_BODY} are taken"
            if message.get("content-type") != "application/json" or message.get("content-encoding") != "utf-8":
                return "is not said to be JSON in UTF-8"
            return None
        case _:
            return "is none of Celery's"


def put_up_door() -> None:
    """Let whatever connects to Redis in this process come through this door."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
