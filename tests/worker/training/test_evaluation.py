"""A model's figures come from what the classifier says, in the order of the texts."""

from pathlib import Path

import numpy as np
import pytest

import moodmill.worker.training.evaluation as evaluation
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.repository import find_model
from moodmill.worker.training.evaluation import classify_all
from tests.worker.builders import POISON, make_poisoned, plain_probabilities, settings_for

TEXTS = [f"{'so ' * (number * 7 % 11)}much of {number}" for number in range(25)]


def test_probabilities_are_those_of_plain_transformers_and_progress_is_told(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "SLICE", 10)
    settings, told = settings_for(tiny_model), list[int]()
    found = classify_all(find_model(settings), settings, TEXTS, told.append)
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, TEXTS), atol=1e-5, rtol=0)
    assert told == [10, 20, 25]


def test_a_text_on_which_the_model_fails_is_an_error_that_names_it(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "SLICE", 10)
    settings = settings_for(make_poisoned(tmp_path / "poisoned", tiny_model))
    with pytest.raises(ModelError, match=r"fails on 1 texts, the first is number 14: .*non-finite"):
        classify_all(find_model(settings), settings, [*TEXTS[:13], POISON, *TEXTS], lambda _: None)
