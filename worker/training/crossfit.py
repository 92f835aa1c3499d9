"""How well a model does on single and joined comments, by what was fitted on others than those that judge it.

Calibration and thresholds are fitted on one half of the labelled comments, single and joined, and judged on the other
half's. So no comment judges what was fitted on it, and no joined text holds one that was.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SourceError
from moodmill.worker.training.calibration import fit_calibration
from moodmill.worker.training.evaluation import Answers
from moodmill.worker.training.joining import halvings, sized, to_fit, together
from moodmill.worker.training.labelled import Labelled
from moodmill.worker.training.report import Report, judge
from moodmill.worker.training.thresholds import HALVINGS, tune_thresholds

#: Resamples of a bootstrap, and the percentiles of an interval of 95 %.
RESAMPLES: Final = 200
INTERVAL: Final = (2.5, 97.5)

#: What a model says of texts.
Ask = Callable[[Sequence[str]], Answers]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """A model's figures on texts of one size; means where there are several sets of them."""

    macro_f1: float
    micro_f1: float
    macro_average_precision: float
    micro_average_precision: float
    ece: float
    share: float

    @classmethod
    def of(cls, report: Report) -> "Figures":
        return cls(
            macro_f1=report.macro.f1,
            micro_f1=report.micro.f1,
            macro_average_precision=report.macro.average_precision,
            micro_average_precision=report.micro.average_precision,
            ece=report.ece,
            share=report.share,
        )

    @classmethod
    def mean(cls, several: Sequence["Figures"]) -> "Figures":
        return cls(**{one.name: float(np.mean([getattr(of, one.name) for of in several])) for one in fields(cls)})


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Texts of one size, with what a model says of them by what was fitted on others."""

    #: Their number of comments.
    size: int
    targets: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    thresholds: Mapping[str, float]

    def figures(self, rows: NDArray[np.intp] | slice = slice(None)) -> Figures:
        return Figures.of(judge(self.targets[rows], self.probabilities[rows], self.thresholds))


def by_own_thresholds(
    parts: Mapping[int, Labelled], probabilities: Sequence[NDArray[np.float32]], thresholds: Mapping[str, float]
) -> dict[int, Figures]:
    """Return the figures of texts of each size by what a model says of them, and by its own thresholds."""
    return {
        size: Figures.of(judge(part.targets, said, thresholds))
        for (size, part), said in zip(parts.items(), probabilities, strict=True)
    }


def cross_fit(labelled: Labelled, texts: int, ask: Ask, *, halves: int = HALVINGS) -> list[Judged]:
    """Judge so many joined texts of each size, and all comments, of each half of `halves` random halvings.

    Raises SourceError where there are no two halves.
    """
    if len(labelled) < 2:
        raise SourceError("a single labelled comment has no halves: two are needed to judge one by the other")
    dice = np.random.default_rng(1)
    pairs = [(to_fit(fitted, dice), sized(judged, texts, dice)) for fitted, judged in halvings(labelled, halves)]
    sets = [one for fitted, judged in pairs for one in (fitted, *judged.values())]
    answers = iter(ask(together(sets).texts).parted([len(one) for one in sets]))
    return [found for fitted, judged in pairs for found in _judged(fitted, judged, answers)]


def _judged(fitted: Labelled, judged: Mapping[int, Labelled], answers: Iterator[Answers]) -> Iterator[Judged]:
    said = next(answers)
    calibration = fit_calibration(fitted.targets, said.logits, said.counts, said.pooling)
    tuned = tune_thresholds(fitted.targets, said.probabilities(calibration))
    thresholds = {name: float(one) for name, one in zip(EMOTIONS, tuned, strict=True)}
    for size, part in judged.items():
        probabilities = next(answers).probabilities(calibration)
        yield Judged(size=size, targets=part.targets, probabilities=probabilities, thresholds=thresholds)


def by_size(judged: Sequence[Judged]) -> dict[int, Figures]:
    """Return the mean figures of each size."""
    sizes = dict.fromkeys(one.size for one in judged)
    return {size: Figures.mean([one.figures() for one in judged if one.size == size]) for size in sizes}


def differences(
    ours: Sequence[Judged], theirs: Sequence[Judged], on_progress: Callable[[int, int], None] = lambda *_: None
) -> dict[int, dict[str, tuple[float, float]]]:
    """Return the interval of 95 % of each figure's difference, ours less theirs, by size: a paired bootstrap.

    `on_progress` gets how many resamples are judged, and of how many: a second each.

    Of both judged on the same texts, by the first halving: texts are drawn with replacement, the same for both (Efron,
    "Bootstrap Methods: Another Look at the Jackknife", 1979).
    """
    dice = np.random.default_rng(2)
    found: dict[int, dict[str, tuple[float, float]]] = {}
    sizes = dict.fromkeys(one.size for one in ours)
    for number, size in enumerate(sizes):
        pairs = [both for both in zip(ours, theirs, strict=True) if both[0].size == size][:2]
        drawn = []
        for resample in range(RESAMPLES):
            on_progress(number * RESAMPLES + resample, len(sizes) * RESAMPLES)
            rows = [dice.integers(0, len(one.targets), len(one.targets)) for one, _ in pairs]
            us, them = (
                Figures.mean([both[side].figures(some) for both, some in zip(pairs, rows, strict=True)])
                for side in (0, 1)
            )
            drawn.append([getattr(us, one.name) - getattr(them, one.name) for one in fields(Figures)])
        low, high = np.percentile(drawn, INTERVAL, axis=0)
        found[size] = {one.name: (float(low[at]), float(high[at])) for at, one in enumerate(fields(Figures))}
    return found
