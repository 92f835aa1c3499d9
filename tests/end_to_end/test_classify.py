"""`moodmill classify` as a person runs it."""

import json
from pathlib import Path
from typing import Any

import pytest

from moodmill.db.core.emotions import EMOTIONS
from tests.support import make_model, moodmill, moodmill_here
from tests.worker.builders import POISON, make_poisoned, plain_probabilities

TEXTS = ("i love this so much", "thanks")
THRESHOLD = 0.4


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with thresholds of its own: those of every second emotion are out of reach."""
    folder = make_model(tmp_path / "tiny")
    thresholds = {name: 1.0 if number % 2 else THRESHOLD for number, name in enumerate(EMOTIONS)}
    (folder / "thresholds.json").write_text(json.dumps(thresholds))
    return folder


def classify(model: Path, *options: str) -> list[dict[str, Any]]:
    done = moodmill_here("classify", *TEXTS, "--model", model, "--json", *options, cwd=model.parent)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def ranked(model: Path) -> list[list[tuple[str, float]]]:
    rows = plain_probabilities(model, TEXTS).tolist()
    return [sorted(zip(EMOTIONS, row, strict=True), key=lambda one: -one[1]) for row in rows]


def test_all_27_are_shown_ranked_with_those_above_their_own_thresholds(model: Path) -> None:
    for answer, wanted in zip(classify(model), ranked(model), strict=True):
        assert list(answer["probabilities"]) == [name for name, _ in wanted]
        assert list(answer["probabilities"].values()) == pytest.approx([value for _, value in wanted], abs=1e-5)
        own = [name for name, value in wanted if value > THRESHOLD and EMOTIONS.index(name) % 2 == 0]
        assert answer["labels"] == own
        assert own


def test_top_k_and_threshold_choose_what_is_shown_and_leave_the_labels_alone(model: Path) -> None:
    whole = classify(model)
    for answer, all_27, wanted in zip(classify(model, "--top-k", "3"), whole, ranked(model), strict=True):
        assert list(answer["probabilities"]) == [name for name, _ in wanted[:3]]
        assert answer["labels"] == all_27["labels"]
    for answer, wanted in zip(classify(model, "--threshold", "0.6"), ranked(model), strict=True):
        assert list(answer["probabilities"]) == [name for name, value in wanted if value > 0.6]
    for answer, wanted in zip(classify(model, "--top-k", "5", "--threshold", "0.6"), ranked(model), strict=True):
        assert list(answer["probabilities"]) == [name for name, value in wanted[:5] if value > 0.6]


def test_the_table_stars_what_is_above_its_own_threshold(model: Path) -> None:
    done = moodmill("classify", TEXTS[0], "--model", model, "--top-k", "27", cwd=model.parent)
    assert done.returncode == 0, done.stderr
    starred = [line.split()[1] for line in done.stdout.splitlines() if line.strip().startswith("*")]
    assert starred == classify(model)[0]["labels"]


def test_nothing_above_a_threshold_is_said(model: Path) -> None:
    done = moodmill_here("classify", TEXTS[0], "--model", model, "--threshold", "1", cwd=model.parent)
    assert done.returncode == 0, done.stderr
    assert "no emotion has a probability above 1" in done.stdout


def test_a_text_that_the_model_was_not_made_for_is_named(model: Path) -> None:
    (model / "README.md").write_text("---\nlanguage: en\n---\n")
    foreign = "Ich kann kaum glauben, dass wir dieses Spiel noch gewonnen haben!"
    done = moodmill_here("classify", "thanks", foreign, "--model", model, "--json", cwd=model.parent)
    assert [(one["segments"], one["unsupported"]) for one in json.loads(done.stdout)] == [(1, None), (1, "language")]
    shown = moodmill_here("classify", foreign, "--model", model, "--top-k", "1", cwd=model.parent)
    assert "unsupported: mostly in another language than the model's" in shown.stdout


def test_a_text_on_which_the_model_fails_is_an_error(model: Path) -> None:
    poisoned = make_poisoned(model.parent / "poisoned", model)
    done = moodmill_here("classify", "thanks", POISON, "--model", poisoned, cwd=model.parent)
    assert done.returncode == 1
    assert "fails on text 2: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("options", [("--top-k", "0"), ("--top-k", "28"), ("--threshold", "1.5")])
def test_values_out_of_range_are_refused(model: Path, options: tuple[str, str]) -> None:
    done = moodmill_here("classify", "thanks", "--model", model, *options, cwd=model.parent)
    assert done.returncode == 2
    assert "is not in the range" in done.stderr
