"""What models that can do it already say of the texts to learn from."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from db.emotions import EMOTIONS
from worker.repository import find_model
from worker.settings import WorkerSettings
from worker.training.evaluation import classify_all
from worker.training.segments import Segmenter
from worker.training.soft_labels import SoftLabels


def ask(
    models: Sequence[str], texts: Mapping[str, str], settings: WorkerSettings, told: Callable[[int, int], None]
) -> SoftLabels:
    """Return the mean of what models say of texts, each of which is given with what is read instead of it.

    A long text is read in segments, and has an emotion as soon as one of them has it. `told` gets how many answers are
    there, of how many. Raises ModelError when a model cannot be had or fails.
    """
    n = len(texts)
    total = np.zeros((n, len(EMOTIONS)), dtype=np.float64)
    for number, model in enumerate(models):

        def tell(share: float, before: int = number * n) -> None:
            told(before + int(share * n), n * len(models))

        chosen = settings.model_copy(update={"hf_model_repo": model, "hf_model_revision": None})
        total += _answers([*texts.values()], chosen, tell)
    return SoftLabels(texts=[*texts], probabilities=(total / len(models)).astype(np.float32))


def _answers(texts: Sequence[str], model: WorkerSettings, told: Callable[[float], None]) -> NDArray[np.float32]:
    """Return what a model says of texts, [n, 27]; `told` gets the share that is done."""
    files = find_model(model)
    cut = [*Segmenter(files.folder).cut(texts)]
    segments = [segment for one in cut for segment in one]
    found = classify_all(files, model, segments, lambda done: told(done / len(segments)))
    firsts = np.cumsum([0, *(len(one) for one in cut[:-1])])
    return np.asarray(1 - np.multiply.reduceat(1 - found, firsts, axis=0), dtype=np.float32)
