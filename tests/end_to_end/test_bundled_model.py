"""The bundled model is what its page and its card say, and its probabilities mean what they say."""

import json
import re
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.inference.repository import BUNDLED
from moodmill.worker.training.recipe import MINILM, read_recipe
from tests.support import moodmill_here

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "explanation" / "model.md").read_text(encoding="utf-8")
#: Parameters in millions, megabytes, macro-F1 on dev.
TOLD = re.search(r"^\| the bundled model \| ([\d.]+) million \| (\d+) MB \| ([\d.]+) \(dev\) \|$", PAGE, re.MULTILINE)


def told() -> tuple[float, int, float]:
    assert TOLD
    return float(TOLD[1]), int(TOLD[2]), float(TOLD[3])


def test_plain_transformers_loads_it_and_it_has_the_size_it_is_said_to_have() -> None:
    model = AutoModelForSequenceClassification.from_pretrained(BUNDLED)
    assert [model.config.id2label[number] for number in range(27)] == list(EMOTIONS)
    parameters, megabytes, _ = told()
    assert round(model.num_parameters() / 1e6, 1) == parameters
    files = [path for path in BUNDLED.iterdir() if path.is_file()]
    int8 = sum(path.stat().st_size for path in files if path.name.startswith("int8.")) / 1e6
    size = sum(path.stat().st_size for path in files) / 1e6 - int8
    assert round(size) == megabytes <= 50
    assert int8 < 40, "beside it, for processors"


def test_its_recipe_is_one_that_train_takes() -> None:
    assert read_recipe(BUNDLED / "recipe.json").encoder == MINILM


@pytest.mark.real_data
def test_its_figures_on_dev_are_those_it_is_said_to_have(real_data: Path, tmp_path: Path) -> None:
    dev = real_data.parent / "goemotions" / "dev.tsv"
    done = moodmill_here("evaluate", "bundled", "--data", dev, "--cross-tuned", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["comments"] == 5_426
    assert found["cross_tuned_macro_f1"] == pytest.approx(told()[2], abs=6e-4)
    assert found["ece"] <= 0.01
    # and the card's table is of this very model
    card = (BUNDLED / "README.md").read_text(encoding="utf-8")
    for name, emotion in found["emotions"].items():
        row = re.search(rf"^\| {name} \| ([\d.]+) \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) ", card, re.MULTILINE)
        assert row, name
        assert float(row[1]) == pytest.approx(emotion["threshold"], abs=6e-4)
        assert [float(row[3]), float(row[4]), float(row[5])] == pytest.approx(
            [emotion["precision"], emotion["recall"], emotion["f1"]], abs=0.01
        )


def test_two_feelings_are_found_together(tmp_path: Path) -> None:
    (answer,) = json.loads(moodmill_here("classify", "I am so excited and happy!", "--json", cwd=tmp_path).stdout)
    assert answer["labels"] == ["excitement", "joy"]
    assert sum(answer["probabilities"].values()) > 1  # as no softmax would have it


def test_why_names_the_words_that_make_the_difference(tmp_path: Path) -> None:
    text = "I just found out I got the job! I'm so nervous but incredibly excited."
    done = moodmill_here("classify", text, "--why", "--top-k", "2", cwd=tmp_path, settings={"COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    assert re.search(r"excitement .* excited \+0\.\d\d, nervous -0\.\d\d", done.stdout), done.stdout
    assert re.search(r"nervousness .* nervous \+0\.\d\d, excited -0\.\d\d", done.stdout), done.stdout


def test_json_says_why_by_token_of_each_segment(tmp_path: Path) -> None:
    text = "thanks for the awful food!"
    (answer,) = json.loads(moodmill_here("classify", text, "--why", "--json", cwd=tmp_path).stdout)
    (segment,) = answer["why"]
    assert segment["tokens"] == ["thanks", "for", "the", "awful", "food", "!"]
    assert set(segment["effects"]) == set(answer["probabilities"])
    assert max(segment["effects"]["gratitude"]) == segment["effects"]["gratitude"][0] > 0.5
