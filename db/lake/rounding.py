"""Probabilities rounded to fewer bits, for files that hold billions of them.

What is written are probabilities still, which whoever reads them need not know of: Parquet takes as little room for
floats of few values as it would for the whole numbers that stand for them. Of 16 bits, each is a multiple of 2⁻¹⁶, off
by 0.0000076 at most. Of 8 bits, its root is a multiple of 1/255, so that it is off by 0.004 at most: most probabilities
are near 0, where the root has small steps. With even steps nearly half of them were 0, and what is left of a rare
emotion were off by a tenth.
"""

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS

Bits = Literal[16, 8]
BITS: Final[tuple[Bits, ...]] = get_args(Bits)
_STEPS: Final = {16: 2.0**16, 8: 255.0}


class Rounding:
    """Rounds probabilities to so many bits, and knows what that changed of all that it has rounded."""

    def __init__(self, bits: Bits) -> None:
        self.bits: Final = bits
        #: The largest change of a probability.
        self.largest = 0.0
        #: Of each emotion, what its probabilities add up to, [27].
        self._before = np.zeros(len(EMOTIONS))
        self._after = np.zeros(len(EMOTIONS))

    def rounded(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities, [n, 27], rounded."""
        steps, exact = _STEPS[self.bits], probabilities.astype(np.float64)
        near = np.rint(exact * steps) / steps if self.bits == 16 else (np.rint(np.sqrt(exact) * steps) / steps) ** 2
        self.largest = max(self.largest, float(np.abs(near - exact).max(initial=0.0)))
        self._before += exact.sum(axis=0)
        self._after += near.sum(axis=0)
        return near.astype(np.float32)

    @property
    def shift(self) -> float:
        """How much an emotion's mean probability changed at most, as a share of it."""
        there = self._before > 0
        return float(np.abs(self._after[there] / self._before[there] - 1).max(initial=0.0))
