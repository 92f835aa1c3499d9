"""Cuts the comments that wait into micro-batches of like length, within a budget of tokens.

Padding is what makes the common ways slow: a batch costs its longest text times its size. So the whole waiting window
is sorted by length before it is cut. Models that need no padding gain too: texts of one length share their attention. A
pure state machine: no threads, and the clock is passed in.
"""

from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeVar


class Sized(Protocol):
    """Something that is so many tokens long."""

    @property
    def length(self) -> int: ...


Item = TypeVar("Item", bound=Sized)

#: Windows are cut as soon as they hold this many budgets: enough for little padding, a bound for memory.
WINDOW_BUDGETS: Final = 64
#: Seconds the first comment of a window waits for company at most.
MAX_WAIT_S: Final = 0.02


class Batcher(Generic[Item]):
    def __init__(self, budget: int, *, pads: bool = True) -> None:
        """`budget`: tokens of a micro-batch; `pads`: each item costs as much as the longest of its micro-batch."""
        self._budget = budget
        self._pads = pads
        #: As they were handed in together.
        self._waiting: list[Sequence[Item]] = []
        self._tokens = 0
        self._since = 0.0

    def add(self, items: Sequence[Item], now: float) -> None:
        """Let items wait; `now` in seconds. The clock of a window starts with its first item."""
        if not items:
            return
        if not self._waiting:
            self._since = now
        self._waiting.append(items)
        self._tokens += _tokens(items)

    def due_in(self, now: float) -> float | None:
        """Return the seconds until the window is to be cut: 0 when it is, None when nothing waits."""
        if not self._waiting:
            return None
        if self._tokens >= WINDOW_BUDGETS * self._budget:
            return 0.0
        return max(0.0, self._since + MAX_WAIT_S - now)

    def cut(self) -> list[list[Item]]:
        """Take the older half of what waits, as micro-batches: the longest first, so that memory runs out at once or
        not at all.

        All of a window are done at the same moment. So a third of them is in the model, a third waits for it, and a
        third is stored and fetched: the model always has some to go on with.
        """
        half = (len(self._waiting) + 1) // 2
        taken, self._waiting = self._waiting[:half], self._waiting[half:]
        self._tokens = sum(map(_tokens, self._waiting))
        return cut([item for items in taken for item in items], self._budget, pads=self._pads)

    def halve_budget(self) -> int:
        """Cut smaller from now on, for the device ran out of memory; return the new budget."""
        self._budget = max(1, self._budget // 2)
        return self._budget


def cut(items: Sequence[Item], budget: int, *, pads: bool = True) -> list[list[Item]]:
    """Cut items into batches of at most `budget` tokens, the longest first; one longer than the budget goes alone."""
    batches: list[list[Item]] = []
    tokens = 0
    for item in sorted(items, key=lambda one: one.length, reverse=True):
        cost = batches[-1][0].length if batches and pads else item.length
        if batches and tokens + cost <= budget:
            batches[-1].append(item)
            tokens += cost
        else:
            batches.append([item])
            tokens = item.length
    return batches


def _tokens(items: Sequence[Sized]) -> int:
    return sum(item.length for item in items)
