"""Judges a model on labelled comments, by the very classifier that labels dumps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.errors import ModelError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.logits import sigmoid
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.segments import MAX_SEGMENT, Pooling, pool
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.training.calibration import Calibration

#: Comments handed to the classifier at once; it sorts them by length.
SLICE: Final = 2_048
#: The least distance of a probability from 0 and 1: what fp32 resolves.
_LEAST: Final = 1e-7


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model says of the segments of n texts."""

    #: [m, 27]
    logits: NDArray[np.float32]
    #: [n]: how many segments each text has; m all in all.
    counts: NDArray[np.int32]
    pooling: Pooling

    def probabilities(self, calibration: Calibration | None = None) -> NDArray[np.float32]:
        """Return those of the texts, [n, 27]."""
        logits = self.logits if calibration is None else calibration.applied(self.logits)
        return pool(sigmoid(logits), self.counts, self.pooling)

    def parted(self, sizes: Sequence[int]) -> list["Answers"]:
        """Return those of so many texts after so many others."""
        ends = np.cumsum([0, *sizes])
        borders = np.concatenate([[0], np.cumsum(self.counts)])[ends]
        return [
            replace(self, logits=self.logits[start:stop], counts=self.counts[first:end])
            for (start, stop), (first, end) in zip(pairwise(borders), pairwise(ends), strict=True)
        ]


def classify_all(
    files: ModelFiles, settings: WorkerSettings, texts: Sequence[str], on_progress: Callable[[int], None]
) -> NDArray[np.float32]:
    """Return the probabilities of n texts, [n, 27]; `on_progress` gets how many are done.

    Raises ModelError when the model fails on one, SettingError for a device that is not there.
    """
    found = []
    with load_classifier(files, settings) as classifier:
        for start in range(0, len(texts), SLICE):
            outcome = classifier.classify(texts[start : start + SLICE])
            if outcome.errors:
                row, error = next(iter(outcome.errors.items()))
                raise ModelError(
                    f"the model {files.name} fails on {len(outcome.errors)} texts, the first is number "
                    f"{start + row + 1}: {error}"
                )
            found.append(outcome.probabilities)
            on_progress(start + len(outcome.probabilities))
    return np.concatenate(found)


def ask_segments(
    files: ModelFiles, settings: WorkerSettings, texts: Sequence[str], on_progress: Callable[[int, int], None]
) -> Answers:
    """Return what a model says of each segment of n texts; `on_progress` gets how many are done, of how many."""
    tokenizer = TextTokenizer(files.folder, MAX_SEGMENT)
    segments, counts = tokenizer.cut(texts)
    answers = classify_all(files, settings, segments, lambda done: on_progress(done, len(segments)))
    clipped = np.clip(answers, _LEAST, 1 - _LEAST)
    return Answers(
        logits=np.log(clipped) - np.log1p(-clipped),
        counts=counts,
        pooling=tokenizer.segmentation.pooling,
    )
