"""What models that can do it already say of the texts to learn from."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from pathlib import Path

import numpy as np

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.repository import find_model
from moodmill.worker.training.evaluation import classify_all
from moodmill.worker.training.labelled import Labelled, Split, read_split
from moodmill.worker.training.recipe import read_recipe
from moodmill.worker.training.soft_labels import SoftLabels
from moodmill.worker.training.trainingset import chosen


def ask(
    models: Sequence[str], texts: Mapping[str, str], settings: WorkerSettings, on_progress: Callable[[int, int], None]
) -> SoftLabels:
    """Return the mean of what models say of texts, each of which is given with what is read instead of it.

    A model of a fold is not asked for what it has learned. `on_progress` gets how many answers are there, of how many.

    Raises ModelError when a model cannot be had or fails, SettingError when no model may be asked for some text.
    """
    n = len(texts)
    read = cache(read_split)
    total = np.zeros((n, len(EMOTIONS)), dtype=np.float64)
    voices = np.zeros((n, 1), dtype=np.int64)
    for number, name in enumerate(models):

        def tell(done: int, before: int = number * n) -> None:
            on_progress(before + done, n * len(models))

        model = settings.model_copy(update={"hf_model_repo": name, "hf_model_revision": None})
        files = find_model(model)
        learned = _learned(files.folder, read)
        rows = [row for row, text in enumerate(texts) if text not in learned]
        if rows:
            asked = [*texts.values()]
            total[rows] += classify_all(files, model, [asked[row] for row in rows], tell)
            voices[rows] += 1
    unheard = int((voices == 0).sum())
    if unheard:
        raise SettingError(f"each model has learned {unheard:,} of the texts: name the models of the other folds, too")
    return SoftLabels(texts=[*texts], probabilities=(total / voices).astype(np.float32))


def _learned(folder: Path, read: Callable[[str, Split], Labelled]) -> AbstractSet[str]:
    """Return the texts that a model of a fold learned from; none of others, which are asked for whatever there is."""
    made_by = folder / "recipe.json"
    if not made_by.exists() or '"fold"' not in made_by.read_text(encoding="utf-8"):
        return frozenset()
    recipe = read_recipe(made_by)
    return frozenset(chosen(recipe, read(recipe.data, "train")).texts) if recipe.fold else frozenset()
