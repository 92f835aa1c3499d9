"""Thresholds: from which probability on an emotion counts as present, tuned for F1."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

#: Positive examples at which a tuned threshold counts as much as the expected one: thresholds of rare emotions that are
#: tuned freely on dev do not carry over to other text.
SHRINK: Final = 100
#: Random halvings over which a cross-tuned figure is averaged: one alone varies by about 0.003.
HALVINGS: Final = 6
_GRID: Final = np.arange(0.05, 0.81, 0.01)

Matrix = NDArray[np.float32] | NDArray[np.bool_]


def f1(targets: Matrix, predicted: Matrix) -> NDArray[np.float64]:
    """Return F1 = 2 TP / (2 TP + FP + FN) of each column of [n, k] arrays; 0 where nothing is there nor predicted."""
    hits = (targets * predicted).sum(0, dtype=np.float64)
    return np.asarray(2 * hits / np.maximum(targets.sum(0) + predicted.sum(0), 1))


def macro_f1(targets: Matrix, predicted: Matrix) -> float:
    """Return the mean F1 over the columns of [n, k] arrays."""
    return float(f1(targets, predicted).mean())


def tune_thresholds(targets: Matrix, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return a threshold for each of k emotions, from [n, k] arrays.

    It is the one of the emotion's best F1, drawn towards the one of its best expected F1 the rarer the emotion is.
    """
    own = _GRID[np.array([f1(targets, probabilities > threshold) for threshold in _GRID]).argmax(0)]
    expected = _GRID[np.array([_expected_f1(probabilities, threshold) for threshold in _GRID]).argmax(0)]
    positives = targets.sum(0)
    return np.asarray((positives * own + SHRINK * expected) / (positives + SHRINK))


def _expected_f1(probabilities: NDArray[np.float32], threshold: float) -> NDArray[np.float64]:
    """Return the F1 to expect of each of [n, k] columns if its probabilities mean what they say.

    Every comment informs it, not only the few that carry a rare emotion. Its best threshold is half its
    best value (Lipton et al., "Optimal Thresholding of Classifiers to Maximize F1 Measure", ECML 2014).
    """
    predicted = probabilities > threshold
    hits = (probabilities * predicted).sum(0, dtype=np.float64)
    return np.asarray(2 * hits / np.maximum(predicted.sum(0) + probabilities.sum(0), 1e-9))


def cross_tuned_f1(targets: Matrix, probabilities: NDArray[np.float32]) -> float:
    """Return macro-F1 where each half is judged by thresholds tuned on the other, averaged over HALVINGS halvings.

    So no comment judges a threshold that was tuned on it.
    """
    random_rows = np.random.default_rng(0)
    figures = []
    for _ in range(HALVINGS):
        halves = np.array_split(random_rows.permutation(len(targets)), 2)
        predicted = np.zeros(targets.shape, dtype=np.bool_)
        for judged, tuned_on in (halves, halves[::-1]):
            predicted[judged] = probabilities[judged] > tune_thresholds(targets[tuned_on], probabilities[tuned_on])
        figures.append(macro_f1(targets, predicted))
    return float(np.mean(figures))
