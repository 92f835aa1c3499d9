"""Intervals hold the truth in 95 of 100 draws, whatever the emotion's rarity and the number of comments."""

import numpy as np
import pytest

from moodmill.db.analytics.intervals import Array, Estimates, difference_interval, score_interval
from moodmill.db.analytics.sums import Sums

#: Draws of each case: the coverage of one then has a standard error of 0.6 %, and their mean one of 0.1 %.
DRAWS = 1_500
SIZES = (10, 30, 100, 300, 1_000)
#: Emotions by the share of comments that show them. Rare ones have few different counts, and so a coverage that jumps
#: about 95 %: they are many, for their mean to be what a reader meets.
SHARES = np.geomspace(0.003, 0.3, 40)


def population(share: float, sharpness: float, size: int = 200_000) -> Array:
    """Return the probabilities of an emotion in all comments, whose mean is near a share.

    Of the comments that show it they are beta-distributed about 0.7, the closer the sharper.
    """
    dice = np.random.default_rng(0)
    shows = dice.random(size) < share
    high = dice.beta(7 * sharpness / 10, 3 * sharpness / 10, size)
    low = dice.beta(0.2, 0.2 * (1 / (0.3 * share) - 1), size)
    values: Array = np.where(shows, high, low)
    return values


CASES = [population(share, 10.0 if number % 2 else 2.0) for number, share in enumerate(SHARES)]


def drawn(values: Array, n: int, seed: int, threshold: float = 0.5) -> Sums:
    """Return the sums of many draws of n comments. [DRAWS, 1]"""
    found = np.random.default_rng(seed).choice(values, (DRAWS, n))
    columns = ((found > threshold).sum(axis=1), found.sum(axis=1), (found**2).sum(axis=1))
    above, total, square = (column.astype(np.float64)[:, None] for column in columns)
    return Sums(comments=np.full(DRAWS, float(n)), above=above, total=total, square=square)


def overall(values: Array) -> Array:
    whole = Sums(
        comments=np.array([float(len(values))]),
        above=np.zeros((1, 1)),
        total=values.sum().reshape(1, 1),
        square=(values**2).sum().reshape(1, 1),
    )
    spread: Array = whole.spread[0]
    return spread


def coverage(estimates: Estimates, truth: float) -> float:
    return float(((estimates.low <= truth) & (truth <= estimates.high)).mean())


@pytest.mark.parametrize("n", SIZES)
def test_95_of_100_intervals_hold_the_truth(n: int) -> None:
    shares, prevalences = [], []
    for number, values in enumerate(CASES):
        found = drawn(values, n, number)
        shares.append(coverage(found.share(), float((values > 0.5).mean())))
        prevalences.append(coverage(found.prevalence(overall(values)), float(values.mean())))
    for covered in (shares, prevalences):
        assert np.mean(covered) == pytest.approx(0.95, abs=0.01), covered
        assert min(covered) > 0.82


@pytest.mark.parametrize("n", SIZES)
def test_95_of_100_intervals_of_a_difference_hold_it_and_more_where_comments_are_few(n: int) -> None:
    shares, prevalences = [], []
    for number, one in enumerate(CASES):
        other = CASES[(7 * number + 3) % len(CASES)]
        a, b = drawn(one, n, 2 * number), drawn(other, 2 * n, 2 * number + 1)
        truth = float((one > 0.5).mean() - (other > 0.5).mean())
        shares.append(coverage(difference_interval(a.share(), b.share()), truth))
        of_a, of_b = a.prevalence(overall(one)), b.prevalence(overall(other))
        prevalences.append(coverage(difference_interval(of_a, of_b), float(one.mean() - other.mean())))
    for covered in (shares, prevalences):
        mean = float(np.mean(covered))
        assert mean == pytest.approx(0.95, abs=0.01) if n >= 1_000 else 0.94 < mean < 1, covered


def test_a_group_whose_probabilities_spread_more_than_those_of_all_gets_a_wider_interval() -> None:
    """Or a subreddit that is about an emotion would seem surer than it is."""
    elsewhere, here = population(0.02, 10.0), population(0.15, 2.0)
    found = drawn(here, 1_000, 3).prevalence(overall(elsewhere) / 4)
    assert coverage(found, float(here.mean())) == pytest.approx(0.95, abs=0.02)


def test_the_score_interval_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17, 1998, p. 861: table I, method 3
    for (above, n), ends in {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611)}.items():
        found = score_interval(np.array(above / n), np.array(float(n)))
        assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


def test_the_interval_of_a_difference_is_newcombes() -> None:
    # Newcombe, Statistics in Medicine 17, 1998, p. 876: table II, method 10
    for (a, m, b, n), ends in {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 20): (0.6791, 1.0),
    }.items():
        one, other = (score_interval(np.array(k / size), np.array(float(size))) for k, size in ((a, m), (b, n)))
        found = difference_interval(one, other)
        assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


def test_intervals_stay_within_0_and_1_and_hold_their_value() -> None:
    for n in (1.0, 2.0, 1e9):
        for share in (0.0, 1e-12, 0.5, 1.0):
            found = score_interval(np.array(share), np.array(n))
            assert 0 <= found.low <= share <= found.high <= 1


def test_one_comment_has_an_interval_and_none_has_none() -> None:
    total, square = np.array([[0.2], [0.0]]), np.array([[0.04], [0.0]])
    two = Sums(comments=np.array([1.0, 0.0]), above=np.zeros((2, 1)), total=total, square=square)
    for found in (two.prevalence(np.array([0.3])), two.share()):
        assert found.low[0, 0] < 0.2 < 0.4 < found.high[0, 0]
        assert np.isnan(found.value[1, 0])
