"""What a model's folder says is shown where it has the form that it should have, and left out where it has not."""

import json
import shutil
from pathlib import Path

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.web.facts import LARGEST, read_facts
from moodmill.worker.inference.repository import BUNDLED

pytestmark = pytest.mark.unit


def test_the_bundled_model_says_how_it_was_made() -> None:
    facts = read_facts(BUNDLED)
    assert (facts["steps"], facts["epochs"], facts["batch"]) == (5544, 6, 64)
    assert (facts["train"], facts["dev"], facts["unlabelled"]) == (43_410, 5_426, 8_000)
    assert facts["macro_f1"] == pytest.approx(0.549)
    assert facts["language"] == "en"
    assert list(facts["comments_by_emotion"]) == list(EMOTIONS)


def test_a_folder_that_says_nothing_has_no_facts(tmp_path: Path) -> None:
    facts = read_facts(tmp_path)
    assert {name for name, value in facts.items() if value not in (None, {})} == set()


def test_the_results_of_a_card_are_found_as_the_hub_has_them(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\ndatasets: [go_emotions]\nmodel-index:\n- name: a\n  results:\n  - task: {type: text-classification}\n"
        "    metrics:\n    - {type: accuracy, value: 0.9}\n    - {type: f1, name: Macro F1, value: 0.45}\n---\n"
    )
    facts = read_facts(tmp_path)
    assert (facts["macro_f1"], facts["judged_on"], facts["dataset"]) == (0.45, None, ["go_emotions"])


@pytest.mark.parametrize(
    "training",
    [
        '{"evaluation": {"macro_f1": "0.55"}, "steps": true, "epochs": [3], "dataset": []}',
        '{"evaluation": {"macro_f1": NaN}, "steps": 1e999, "dataset": {"comments_by_emotion": {"joy": null, "x": 1}}}',
        '{"loss": "\\ud800", "optimizer": {}, "schedule": null}',
        "[" * 100_000,
        '"text"',
        "x" * LARGEST,
    ],
)
def test_a_record_of_another_form_is_left_out(training: str, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(training)
    facts = read_facts(tmp_path)
    assert facts["macro_f1"] is facts["steps"] is facts["epochs"] is None
    assert facts["comments_by_emotion"] == {}
    json.dumps(facts, allow_nan=False).encode()
    assert facts["loss"] in (None, "\ufffd")


@pytest.mark.parametrize(
    "card",
    [
        "model-index: {a: 1}",
        "model-index: [null]",
        "model-index:\n- results: {a: 1}",
        "model-index:\n- results:\n  - metrics: [null, {value: .nan, name: macro f1}]",
        "2020-01-01: x",
        "license: 2020-01-01",
        "language: [1, null]",
        "license: [unclosed",
        "a: " + "[" * 5_000 + "]" * 5_000,
    ],
)
def test_a_card_of_another_form_is_left_out(card: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(f"---\n{card}\n---\n")
    facts = read_facts(tmp_path)
    assert {name for name, value in facts.items() if value not in (None, {})} == set()


def test_what_is_known_besides_is_shown(tmp_path: Path) -> None:
    shutil.copy(BUNDLED / "training.json", tmp_path)
    (tmp_path / "recipe.json").write_text("no JSON")
    assert read_facts(tmp_path)["steps"] == 5544
