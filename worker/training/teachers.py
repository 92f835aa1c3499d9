"""What models that can do it already say of the comments to learn from."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from worker.repository import find_model
from worker.settings import WorkerSettings
from worker.training.evaluation import classify_all
from worker.training.labelled import Labelled
from worker.training.recipe import Recipe


def softened(
    labelled: Labelled, recipe: Recipe, settings: WorkerSettings, told: Callable[[int, int], None]
) -> NDArray[np.float32]:
    """Return the targets [n, 27] of a recipe with teachers: labels mixed with the teachers' mean probabilities.

    Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, with probabilities where it has softened
    logits: the answers of one sigmoid per emotion need no temperature. `told` gets how many answers are there, of how
    many. Raises ModelError when a teacher cannot be had or fails.
    """
    n = len(labelled)
    answers = []
    for number, teacher in enumerate(recipe.teachers):
        chosen = settings.model_copy(update={"hf_model_repo": teacher, "hf_model_revision": None})

        def tell(done: int, before: int = number * n) -> None:
            told(before + done, n * len(recipe.teachers))

        answers.append(classify_all(find_model(chosen), chosen, labelled.texts, tell))
    share = recipe.label_share
    return np.asarray(share * labelled.targets + (1 - share) * np.mean(answers, axis=0), dtype=np.float32)
