"""95 % intervals of shares and of differences, from counts and sums alone.

What they say: were as many comments drawn again from where these come from, 95 of 100 such intervals would hold the
rate that is behind them. They say nothing of what the model gets wrong, and comments of one thread or author are more
alike than they suppose.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Standard deviations on both sides of the mean of a normal distribution that hold 95 % of it.
Z: Final = 1.959963984540054

Array = NDArray[np.float64]


class Estimates(NamedTuple):
    """Values, each with the ends of its interval; NaN where nothing was counted."""

    value: Array
    low: Array
    high: Array


def score_interval(share: Array, n: Array) -> Estimates:
    """Return the score interval of a share that was found in `n` independent draws; arrays are broadcast.

    It holds for few draws and for shares near 0 too, and never leaves [0, 1]. Source: Wilson, "Probable inference, the
    law of succession, and statistical inference", JASA 22, 1927. With an effective number of draws it is the one that
    surveys use: Franco et al., "Comparative study of confidence intervals for proportions in complex sample surveys",
    Journal of Survey Statistics and Methodology 7, 2019.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = Z * Z / n
        centre = (share + shrunk / 2) / (1 + shrunk)
        half = Z * np.sqrt(share * (1 - share) / n + shrunk / (4 * n)) / (1 + shrunk)
    # Rounding would leave a share of 0 a little outside of its interval.
    return Estimates(share, np.clip(centre - half, 0, share), np.clip(centre + half, share, 1))


def clearness(difference: Estimates) -> Array:
    """Return how far differences are from 0, in distances to the end of the interval on that side: above 1 is clear."""
    value = difference.value
    near = np.where(value > 0, value - difference.low, difference.high - value)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Array = np.nan_to_num(np.abs(value) / near, nan=0.0)
    return ratio


def difference_interval(one: Estimates, other: Estimates) -> Estimates:
    """Return how much more one is than the other, both estimated from comments of their own.

    Source: the hybrid score interval, method 10 of Newcombe, "Interval estimation for the difference between
    independent proportions", Statistics in Medicine 17, 1998; of other estimates than shares, Zou and Donner,
    "Construction of confidence intervals about effect measures", Statistics in Medicine 27, 2008.
    """
    difference = one.value - other.value
    below = np.hypot(one.value - one.low, other.high - other.value)
    above = np.hypot(one.high - one.value, other.value - other.low)
    return Estimates(difference, difference - below, difference + above)
