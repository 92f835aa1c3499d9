"""`moodmill evaluate` as a person runs it."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.training import crossfit
from moodmill.worker.training.labelled import read_labelled
from tests.support import moodmill_here
from tests.worker.builders import plain_probabilities

WORDS = ("i", "love", "hate", "this", "so", "much", "thanks")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """60 comments, each with one or two emotions."""
    chosen = random.Random(3)
    lines = []
    for number in range(60):
        labels = sorted({number % 27, chosen.randrange(28)})
        lines.append(f"{' '.join(chosen.choices(WORDS, k=6))} {number}\t{','.join(map(str, labels))}\tc{number}\n")
    (tmp_path / "labelled.tsv").write_text("".join(lines))
    return tmp_path / "labelled.tsv"


def test_its_figures_are_those_of_scikit_learn_on_plain_transformers(labelled: Path, tiny_model: Path) -> None:
    done = moodmill_here("evaluate", tiny_model, "--data", labelled, "--cross-tuned", "--json", cwd=labelled.parent)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    truth = read_labelled(labelled)
    probabilities = plain_probabilities(tiny_model, truth.texts)
    assert told["comments"] == 60
    assert told["model"].startswith("tiny@")
    assert told["macro"]["f1"] == pytest.approx(
        f1_score(truth.targets, probabilities > 0.3, average="macro", zero_division=0), abs=1e-6
    )
    areas = [average_precision_score(truth.targets[:, at], probabilities[:, at]) for at in range(27)]
    assert [told["emotions"][name]["average_precision"] for name in EMOTIONS] == pytest.approx(areas, abs=1e-6)
    assert told["macro"]["average_precision"] == pytest.approx(np.mean(areas), abs=1e-6)
    assert 0 < told["ece"] < 1
    assert 0 <= told["cross_tuned_macro_f1"] <= 1


def test_it_prints_a_table_a_card_and_a_picture(labelled: Path, tiny_model: Path) -> None:
    data = ("--data", labelled.name)
    table = moodmill_here("evaluate", tiny_model, *data, "--picture", "reliability.png", cwd=labelled.parent)
    assert table.returncode == 0, table.stderr
    for word in (*EMOTIONS, "macro", "micro", "Expected calibration error"):
        assert word in table.stdout
    assert (labelled.parent / "reliability.png").read_bytes().startswith(b"\x89PNG")

    card = moodmill_here("evaluate", tiny_model, *data, "--card", cwd=labelled.parent)
    assert card.stdout.startswith("## Evaluation\n")
    assert "60 comments of `labelled.tsv`, by `tiny@" in card.stdout
    assert sum(line.startswith("| ") for line in card.stdout.splitlines()) >= 27 + 2 + 4


def test_joined_comments_are_judged_by_its_own_thresholds_and_by_what_half_of_them_gives(
    labelled: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossfit, "RESAMPLES", 3)
    joined = ("--data", labelled.name, "--joined", "--texts", "5")
    done = moodmill_here(
        "evaluate", tiny_model, *joined, "--cross-tuned", "--against", tiny_model, "--json", cwd=labelled.parent
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    for by in ("joined", "joined_cross_tuned"):
        assert [*told[by]] == ["1", "2", "4", "8"]
        assert all(0 < figures["share"] < 100 for figures in told[by].values())
    assert told["joined"]["1"]["macro_f1"] == pytest.approx(told["macro"]["f1"])
    assert told["differences"]["8"]["micro_f1"] == [0, 0]

    card = moodmill_here("evaluate", tiny_model, *joined, "--card", cwd=labelled.parent)
    assert "### Long texts" in card.stdout


def test_what_is_undefined_is_null_where_nothing_is_labelled(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "neutral.tsv").write_text("It rains\t27\tc0\nIt pours\t27\tc1\n" * 4)
    options = ("--data", "neutral.tsv", "--joined", "--cross-tuned", "--texts", "2", "--json")
    done = moodmill_here("evaluate", tiny_model, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert told["joined"]["2"]["share"] is told["joined_cross_tuned"]["1"]["share"] is None


def test_the_bundled_model_is_judged_where_none_is_named(labelled: Path) -> None:
    done = moodmill_here("evaluate", "--data", labelled, "--json", cwd=labelled.parent)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"].startswith("bundled@")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--data'"),
        (("--data", "nowhere.tsv"), "nowhere.tsv cannot be read"),
        (("--data", "alone.tsv", "--joined", "--cross-tuned"), "a single labelled comment has no halves"),
        (("--data", "labelled.tsv", "--texts", "5"), "--texts goes with --joined"),
        (
            ("--data", "labelled.tsv", "--joined", "--against", "bundled"),
            "--against goes with --joined and --cross-tuned",
        ),
        (("--data", "labelled.tsv", "--picture", "a.jpg"), "expected a name that ends in .png"),
        (("--data", "labelled.tsv", "--picture", "nowhere/a.png"), "the folder nowhere does not exist"),
        (("./nowhere", "--data", "labelled.tsv"), "names the folder ./nowhere, which does not exist"),
    ],
)
def test_bad_input_is_one_line(labelled: Path, arguments: tuple[str, ...], said: str) -> None:
    (labelled.parent / "alone.tsv").write_text("I love it\t18\tc0\n")
    done = moodmill_here("evaluate", *arguments, cwd=labelled.parent)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
