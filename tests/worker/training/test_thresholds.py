"""Thresholds are tuned for F1, and those of rare emotions stay near the common one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from moodmill.worker.training.thresholds import cross_tuned_f1, f1, macro_f1, tune_thresholds

RANDOM = np.random.default_rng(4)


def drawn(n: int, shares: list[float], best: list[float]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Targets [n, k], of these shares, and probabilities [n, k] that exceed `best` where the target is 1 only."""
    targets = (RANDOM.random((n, len(shares))) < shares).astype(np.float32)
    above = np.array(best) + RANDOM.random(targets.shape) * (1 - np.array(best))
    below = RANDOM.random(targets.shape) * np.array(best)
    return targets, np.where(targets > 0, above, below).astype(np.float32)


def test_f1_is_that_of_scikit_learn() -> None:
    targets, probabilities = drawn(500, [0.3, 0.1, 0.02], [0.5, 0.5, 0.5])
    predicted = probabilities > 0.4
    wanted = f1_score(targets, predicted, average=None)
    assert f1(targets, predicted) == pytest.approx(wanted)
    assert macro_f1(targets, predicted) == pytest.approx(wanted.mean())


def test_f1_is_0_where_nothing_is_there_nor_predicted() -> None:
    nothing = np.zeros((5, 2), dtype=np.float32)
    assert f1(nothing, nothing).tolist() == [0, 0]


def test_a_frequent_emotion_gets_the_threshold_that_parts_it() -> None:
    targets, probabilities = drawn(20_000, [0.3, 0.3], [0.25, 0.6])
    assert tune_thresholds(targets, probabilities) == pytest.approx([0.25, 0.6], abs=0.02)


def test_a_rare_emotion_s_threshold_varies_less_than_its_best_one() -> None:
    # given samples with 10 positives or so, of probabilities that mean what they say
    own, tuned = [], []
    for _ in range(30):
        probabilities = RANDOM.beta(0.05, 5, (1_000, 1)).astype(np.float32)
        targets = (RANDOM.random(probabilities.shape) < probabilities).astype(np.float32)
        grid = np.arange(0.05, 0.81, 0.01)
        own.append(grid[np.argmax([f1(targets, probabilities > one)[0] for one in grid])])
        tuned.append(tune_thresholds(targets, probabilities)[0])
    assert np.std(tuned) < np.std(own) / 2


def test_without_positives_a_threshold_is_half_the_best_f1_that_the_probabilities_promise() -> None:
    probabilities = RANDOM.beta(0.5, 3, (200_000, 1)).astype(np.float32)
    would_be = (RANDOM.random(probabilities.shape) < probabilities).astype(np.float32)
    best = max(f1(would_be, probabilities > threshold)[0] for threshold in np.arange(0.05, 0.8, 0.01))
    assert tune_thresholds(np.zeros_like(would_be), probabilities) == pytest.approx([best / 2], abs=0.02)


def test_a_cross_tuned_figure_is_not_flattered_by_thresholds_that_fit_noise() -> None:
    # given probabilities that know nothing, and few positives, for which some threshold always looks good
    own, cross_tuned = [], []
    for _ in range(20):
        targets = (RANDOM.random((400, 27)) < 0.02).astype(np.float32)
        probabilities = RANDOM.random(targets.shape).astype(np.float32)
        own.append(macro_f1(targets, probabilities > tune_thresholds(targets, probabilities)))
        cross_tuned.append(cross_tuned_f1(targets, probabilities))
    assert np.mean(cross_tuned) < np.mean(own)


def test_a_cross_tuned_figure_is_1_where_every_half_tells_the_same() -> None:
    targets, probabilities = drawn(40_000, [0.3, 0.2], [0.5, 0.5])
    assert cross_tuned_f1(targets, probabilities) > 0.98
