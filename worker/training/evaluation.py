"""Judges a model on labelled comments, by the very classifier that labels dumps."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from db.errors import ModelError
from worker.classifier import load_classifier
from worker.repository import ModelFiles
from worker.settings import WorkerSettings

#: Comments handed to the classifier at once; it sorts them by length.
SLICE: Final = 2_048


def classify_all(
    files: ModelFiles, settings: WorkerSettings, texts: list[str], told: Callable[[int], None]
) -> NDArray[np.float32]:
    """Return the probabilities of n texts, [n, 27]; `told` gets how many are done.

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
            told(start + len(outcome.probabilities))
    return np.concatenate(found)
