"""Models are asked for soft labels: their mean, of long texts by segments, and never for what they have learned."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from moodmill.db.core.errors import SettingError
from moodmill.worker.inference.segments import Segmentation, write_segmentation
from moodmill.worker.training.labelled import read_split
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.soft_labels import SoftLabels
from moodmill.worker.training.targets import noisy_or
from moodmill.worker.training.teachers import ask
from moodmill.worker.training.trainingset import chosen
from tests.support import make_model
from tests.worker.builders import plain_probabilities, settings_for


def asked(models: list[Path], texts: dict[str, str]) -> SoftLabels:
    return ask([str(model) for model in models], texts, settings_for(models[0]), lambda _step, _steps: None)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models that answer differently."""
    folder = tmp_path_factory.mktemp("models")
    return [make_model(folder / str(deviation), initializer_range=deviation) for deviation in (0.5, 0.4)]


def of_fold(model: Path, recipe: Recipe, to: Path) -> Path:
    shutil.copytree(model, to)
    (to / "recipe.json").write_text(recipe.as_json())
    return to


def test_of_several_models_the_mean_counts(models: list[Path]) -> None:
    texts = ["i love this", "thanks so much!"]
    soft = asked(models, {text: text for text in texts})
    assert soft.texts == texts
    mean = np.mean([plain_probabilities(model, texts) for model in models], axis=0)
    np.testing.assert_allclose(soft.probabilities, mean, atol=1e-5)


def test_a_long_text_is_read_as_each_model_reads_it(models: list[Path], tmp_path: Path) -> None:
    shutil.copytree(models[0], tmp_path / "model")
    write_segmentation(Segmentation(tokens=34), tmp_path / "model")
    parts = ["i love this. " * 7 + "i love this.", "i hate this. " * 7 + "i hate this."]
    soft = asked([tmp_path / "model"], {"short": "a", "long": " ".join(parts), "last": "b"})
    first, second = plain_probabilities(models[0], parts)
    np.testing.assert_allclose(soft.probabilities[1], noisy_or(np.stack([first, second])), atol=1e-5)
    np.testing.assert_allclose(soft.probabilities[[0, 2]], plain_probabilities(models[0], ["a", "b"]), atol=1e-5)


def test_what_stands_for_a_text_is_read_instead_of_it(models: list[Path]) -> None:
    soft = asked(models[:1], {"😂": "thanks so much"})
    assert soft.texts == ["😂"]
    np.testing.assert_allclose(soft.probabilities, plain_probabilities(models[0], ["thanks so much"]), atol=1e-5)


def test_models_of_folds_are_asked_of_train_only_what_they_left_out(
    models: list[Path], data: Path, tmp_path: Path
) -> None:
    # given a model of each of two folds, and one that nothing is known of
    train = read_split(str(data), "train")
    recipes = [Recipe(data=str(data), fold=f"{number}/2") for number in (1, 2)]
    folds = [
        of_fold(model, recipe, tmp_path / str(number))
        for number, (model, recipe) in enumerate(zip(models, recipes, strict=True))
    ]
    seen = [set(chosen(recipe, train).texts) for recipe in recipes]
    new = "i love this"
    texts = {text: text for text in [*dict.fromkeys(train.texts[:20]), new]}

    # when
    soft = asked(folds, texts)

    # then
    answers = [plain_probabilities(model, [*texts]) for model in models]
    for row, text in enumerate(texts):
        of = [found[row] for found, known in zip(answers, seen, strict=True) if text not in known]
        assert len(of) == (2 if text == new else 1)
        np.testing.assert_allclose(soft.probabilities[row], np.mean(of, axis=0), atol=1e-5)

    # and one of the two alone has learned some
    learned = len(seen[0] & texts.keys())
    with pytest.raises(SettingError, match=f"each model has learned {learned} of the texts: name the models of the"):
        asked(folds[:1], texts)


def test_a_recipe_of_somebody_elses_does_not_matter(models: list[Path], tmp_path: Path) -> None:
    shutil.copytree(models[0], tmp_path / "model")
    (tmp_path / "model" / "recipe.json").write_text('{"flour": 500}')
    assert len(asked([tmp_path / "model"], {"a": "a"})) == 1
