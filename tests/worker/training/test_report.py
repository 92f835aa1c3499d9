"""What a report says of a model is what scikit-learn says, and its calibration error is what it is defined as."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.training.report import BINS, expected_calibration_error, judge, reliability

RANDOM = np.random.default_rng(2)
THRESHOLDS = {name: 0.2 + number / 100 for number, name in enumerate(EMOTIONS)}


def some(n: int = 600) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Targets and probabilities that mean what they say, [n, 27]."""
    probabilities = RANDOM.beta(0.5, 2, (n, 27)).astype(np.float32)
    return (RANDOM.random(probabilities.shape) < probabilities).astype(np.float32), probabilities


def test_figures_are_those_of_scikit_learn() -> None:
    targets, probabilities = some()
    found = probabilities > np.array(list(THRESHOLDS.values()))
    report = judge(targets, probabilities, THRESHOLDS)
    for average, scores in (("macro", report.macro), ("micro", report.micro)):
        precision, recall, f1, _ = precision_recall_fscore_support(targets, found, average=average)
        area = average_precision_score(targets, probabilities, average=average)
        assert (scores.precision, scores.recall, scores.f1) == pytest.approx((precision, recall, f1))
        assert scores.average_precision == pytest.approx(area)
    joy = EMOTIONS.index("joy")
    precision, recall, f1, _ = precision_recall_fscore_support(targets[:, joy], found[:, joy], average="binary")
    told = report.emotions["joy"]
    assert (told.precision, told.recall, told.f1) == pytest.approx((precision, recall, f1))
    assert told.threshold == THRESHOLDS["joy"]
    assert told.support == int(targets[:, joy].sum())
    assert list(report.emotions) == list(EMOTIONS)


def test_an_emotion_that_no_comment_carries_has_no_average_precision_and_f1_of_0() -> None:
    targets, probabilities = some()
    targets[:, 0] = 0
    report = judge(targets, probabilities, THRESHOLDS)
    first = report.emotions[EMOTIONS[0]]
    assert first.f1 == 0
    assert math.isnan(first.average_precision)
    assert report.macro.average_precision == pytest.approx(
        average_precision_score(targets[:, 1:], probabilities[:, 1:])
    )
    assert report.as_json()["emotions"][EMOTIONS[0]]["average_precision"] is None


def test_comments_without_any_emotion_can_be_judged() -> None:
    _, probabilities = some(20)
    report = judge(np.zeros_like(probabilities), probabilities, THRESHOLDS)
    assert report.macro.f1 == report.micro.f1 == 0
    assert math.isnan(report.micro.average_precision)


def test_the_calibration_error_is_the_weighted_distance_of_the_bins() -> None:
    # given 4 decisions at 0.1, one of them true, and 6 at 0.95, three of them true
    probabilities = np.array([[0.1] * 4 + [0.95] * 6], dtype=np.float32)
    targets = np.array([[1, 0, 0, 0, 1, 1, 1, 0, 0, 0]], dtype=np.float32)
    bins = reliability(targets, probabilities)
    assert [one.n for one in bins if one.n] == [4, 6]
    assert expected_calibration_error(bins) == pytest.approx(0.4 * abs(0.25 - 0.1) + 0.6 * abs(0.5 - 0.95), abs=1e-6)


def test_probabilities_that_mean_what_they_say_have_a_small_error_and_others_have_not() -> None:
    targets, probabilities = some(20_000)
    assert judge(targets, probabilities, THRESHOLDS).ece < 0.005
    assert judge(targets, np.sqrt(probabilities), THRESHOLDS).ece > 0.1


def test_bins_hold_every_decision_and_both_ends() -> None:
    probabilities = np.array([[0.0, 1e-9, 1 / 15, 0.5, 1.0]], dtype=np.float32)
    bins = reliability(np.ones_like(probabilities), probabilities)
    assert len(bins) == BINS
    assert sum(one.n for one in bins) == 5
    assert (bins[0].lower, bins[-1].upper) == (0, 1)
    assert bins[0].n >= 2
    assert bins[-1].n == 1
    assert math.isnan(bins[3].observed)
