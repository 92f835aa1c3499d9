"""Waiting for a server that is away, as long as it takes: it is said once, and once more when it is back."""

import logging
from collections.abc import Callable
from typing import Final, TypeVar

logger = logging.getLogger(__name__)

#: Seconds between tries: the first pause and the longest.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0

Result = TypeVar("Result")


def with_retries(
    attempt: Callable[[], Result], awaited: type[Exception], pause: Callable[[float], None], what: str
) -> Result:
    """Return what `attempt` returns; as long as it raises `awaited`, pause and try again.

    `pause` takes seconds, and ends the waiting by raising; `what` waits is what the log says.
    """
    seconds = FIRST_PAUSE_S
    while True:
        try:
            result = attempt()
        except awaited as error:
            if seconds == FIRST_PAUSE_S:
                logger.warning("%s waits: %s", what, error)
            pause(seconds)
            seconds = min(2 * seconds, LONGEST_PAUSE_S)
        else:
            if seconds > FIRST_PAUSE_S:
                logger.warning("%s goes on", what)
            return result
