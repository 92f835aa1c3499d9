"""How fast something goes, how much of it is done, and how long the rest takes."""

from collections import deque
from typing import Final

#: Seconds over which a speed is counted, so that it follows the present one.
SPEED_WINDOW_S: Final = 120.0


def share_done(share_read: float, waiting: int, records: int) -> float:
    """Return the share of a run that is done with: of what is read, all but the records that wait to be classified."""
    return min(share_read * (1 - waiting / max(records, 1)), 1.0)


def seconds_left(share: float, done: int, speed: float) -> float | None:
    """Return how long the rest takes where `done` comments are the share that is done, at so many comments/s.

    None where nobody can say.
    """
    return done * (1 / share - 1) / speed if share and speed else None


def clock(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds: 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class SpeedMeter:
    """The speed of a count that grows, over the last SPEED_WINDOW_S."""

    def __init__(self) -> None:
        self._window: Final[deque[tuple[float, int]]] = deque()

    def measure(self, now: float, count: int) -> float:
        """Return how much the count grows a second, lately; `now` in seconds of a clock that only goes forward."""
        self._window.append((now, count))
        while len(self._window) > 2 and self._window[1][0] < now - SPEED_WINDOW_S:
            self._window.popleft()
        began, before = self._window[0]
        return (count - before) / (now - began) if now > began else 0.0
