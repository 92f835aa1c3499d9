"""How well a model does on labelled comments: what it finds, and whether its probabilities mean what they say."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from moodmill.db.core.emotions import EMOTIONS

#: Bins of equal width over [0, 1] in which probabilities are compared with observed shares.
BINS: Final = 15


@dataclass(frozen=True, kw_only=True)
class Scores:
    """From 0 to 1. An average precision is NaN where no comment carries the emotion."""

    precision: float
    recall: float
    f1: float
    average_precision: float


@dataclass(frozen=True, kw_only=True)
class EmotionScores(Scores):
    """Of one emotion: the threshold it is judged by, and the comments that carry it."""

    threshold: float
    support: int
    #: Sum of its probabilities over the number of comments that carry it; NaN without.
    share: float


@dataclass(frozen=True, kw_only=True)
class Bin:
    """The decisions whose probability lies above `lower` and not above `upper` (the first bin holds 0 too)."""

    lower: float
    upper: float
    n: int
    #: Their mean probability; NaN in an empty bin.
    predicted: float
    #: The share of them that is true; NaN in an empty bin.
    observed: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A model's figures on n comments."""

    comments: int
    #: Means over the emotions; average precision over those that occur.
    macro: Scores
    #: Over all n x 27 decisions at once.
    micro: Scores
    #: In the order of EMOTIONS.
    emotions: Mapping[str, EmotionScores]
    #: Expected calibration error over all n x 27 decisions.
    ece: float
    #: Sum of all probabilities over the number of all labels: below 1, emotions seem rarer than they are. NaN without.
    share: float
    bins: tuple[Bin, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for JSON, null where one is undefined."""
        found: dict[str, Any] = without_nan(asdict(self))
        return found


def judge(targets: NDArray[np.float32], probabilities: NDArray[np.float32], thresholds: Mapping[str, float]) -> Report:
    """Judge [n, 27] probabilities by [n, 27] targets of 0 and 1; an emotion is found where it is above its threshold.

    Precision, recall and F1 are 0 where they are undefined, as scikit-learn has it with zero_division=0.
    """
    limits = np.array([thresholds[name] for name in EMOTIONS])
    truth = targets.astype(np.int8)
    found = (probabilities > limits).astype(np.int8)
    precision, recall, f1, support = precision_recall_fscore_support(truth, found, average=None, zero_division=0)
    areas = [
        float(average_precision_score(truth[:, at], probabilities[:, at])) if support[at] else math.nan
        for at in range(len(EMOTIONS))
    ]
    emotions = {
        name: EmotionScores(
            precision=float(precision[at]),
            recall=float(recall[at]),
            f1=float(f1[at]),
            average_precision=areas[at],
            threshold=float(limits[at]),
            support=int(support[at]),
            share=share(targets[:, at], probabilities[:, at]),
        )
        for at, name in enumerate(EMOTIONS)
    }
    bins = reliability(targets, probabilities)
    occurring = [one for one in areas if not math.isnan(one)]
    overall = precision_recall_fscore_support(truth, found, average="micro", zero_division=0)
    return Report(
        comments=len(targets),
        macro=Scores(
            precision=float(precision.mean()),
            recall=float(recall.mean()),
            f1=float(f1.mean()),
            average_precision=float(np.mean(occurring)) if occurring else math.nan,
        ),
        micro=Scores(
            precision=float(overall[0]),
            recall=float(overall[1]),
            f1=float(overall[2]),
            average_precision=float(average_precision_score(truth.ravel(), probabilities.ravel()))
            if occurring
            else math.nan,
        ),
        emotions=emotions,
        ece=expected_calibration_error(bins),
        share=share(targets, probabilities),
        bins=bins,
    )


def share(targets: NDArray[np.float32], probabilities: NDArray[np.float32]) -> float:
    """Return the sum of probabilities over the number of labels, of arrays of one shape; NaN without a label."""
    labels = float(targets.sum())
    return float(probabilities.sum(dtype=np.float64)) / labels if labels else math.nan


def reliability(targets: NDArray[np.float32], probabilities: NDArray[np.float32]) -> tuple[Bin, ...]:
    """Return BINS bins of equal width over all decisions of [n, k] arrays."""
    edges = np.linspace(0, 1, BINS + 1)
    flat, truth = probabilities.ravel().astype(np.float64), targets.ravel().astype(np.float64)
    number = np.clip(np.ceil(flat * BINS).astype(int) - 1, 0, BINS - 1)
    n, predicted, observed = (np.bincount(number, weights, minlength=BINS) for weights in (None, flat, truth))
    return tuple(
        Bin(
            lower=float(edges[at]),
            upper=float(edges[at + 1]),
            n=int(n[at]),
            predicted=float(predicted[at] / n[at]) if n[at] else math.nan,
            observed=float(observed[at] / n[at]) if n[at] else math.nan,
        )
        for at in range(BINS)
    )


def expected_calibration_error(bins: tuple[Bin, ...]) -> float:
    """Return the mean distance between probability and observed share, each bin weighted by its decisions.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3, on one decision per emotion.
    """
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.observed - one.predicted) for one in bins if one.n) / max(total, 1)


def without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nan(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value
