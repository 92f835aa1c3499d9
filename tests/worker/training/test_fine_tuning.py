"""A training from its recipe to a folder that others load: what it learns, repeats, resumes and refuses."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.worker.inference.repository import BUNDLED, find_model
from moodmill.worker.training.checkpoints import CHECKPOINTS, KEPT
from moodmill.worker.training.fine_tuning import fine_tune
from moodmill.worker.training.labelled import read_split
from moodmill.worker.training.progress import Progress
from moodmill.worker.training.recipe import Recipe, read_recipe
from moodmill.worker.training.report import Report
from moodmill.worker.training.thresholds import macro_f1
from tests.support import ROOT, clean_environment, make_model, wait_until
from tests.worker.builders import plain_probabilities, settings_for
from tests.worker.training.conftest import write_soft, write_split

#: Many look at what one training made.
pytestmark = pytest.mark.xdist_group("fine-tuning")


@pytest.fixture(scope="session")
def recipe(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """Seconds of training that teach a tiny model its letters."""
    encoder = make_model(tmp_path_factory.mktemp("encoder") / "tiny", initializer_range=0.1)
    return Recipe(encoder=str(encoder), data=str(data), epochs=4, batch=24, rate=6e-3, head_rate=6e-2)


@pytest.fixture(scope="session")
def trained(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Report, list[Progress]]:
    out = tmp_path_factory.mktemp("trained") / "model"
    told: list[Progress] = []
    return out, fine_tune(recipe, out, settings_for(out), told.append), told


def train(recipe: Recipe, out: Path) -> Path:
    fine_tune(recipe, out, settings_for(out), lambda _: None)
    return out


@pytest.fixture(scope="session")
def brief(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path]:
    """A recipe that teaches little, and what comes of it."""
    short = replace(recipe, epochs=1, limit=200, token_masking=0.1)
    return short, train(short, tmp_path_factory.mktemp("brief") / "model")


def weights(model: Path) -> dict[str, torch.Tensor]:
    loaded: dict[str, torch.Tensor] = load_file(model / "model.safetensors")
    return loaded


def same(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


Trained = tuple[Path, Report, list[Progress]]


def test_it_learns(trained: Trained) -> None:
    _, report, _ = trained
    assert report.macro.f1 > 0.7
    assert report.ece < 0.02


def test_plain_transformers_loads_what_was_reported(trained: Trained, data: Path) -> None:
    out, report, _ = trained
    dev = read_split(str(data), "dev")
    probabilities = plain_probabilities(out, dev.texts)
    thresholds = np.array([find_model(settings_for(out)).thresholds[name] for name in EMOTIONS])
    assert macro_f1(dev.targets, probabilities > thresholds) == pytest.approx(report.macro.f1, abs=0.005)


def test_the_folder_holds_all_that_a_reader_wants(trained: Trained, recipe: Recipe) -> None:
    out, report, _ = trained
    assert not (out / CHECKPOINTS).exists()
    assert read_recipe(out / "recipe.json") == recipe
    assert set(json.loads((out / "thresholds.json").read_text())) == set(EMOTIONS)
    record = json.loads((out / "training.json").read_text())
    assert record["epochs"] == recipe.epochs
    assert record["steps"] == recipe.epochs * -(-record["dataset"]["train"] // recipe.batch)
    assert set(record["dataset"]["comments_by_emotion"]) == set(EMOTIONS)
    assert record["evaluation"]["macro_f1"] == pytest.approx(report.macro.f1, abs=1e-4)
    for picture in ("curves.png", "reliability.png"):
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    card = (out / "README.md").read_text()
    assert f"{report.macro.f1:.3f}" in card
    assert "Binary cross-entropy" in card
    assert [line[:4] for line in card.partition("### Long texts")[2].splitlines() if line[2:3].isdigit()] == [
        f"| {size} " for size in (1, 2, 4, 8)
    ]


def test_a_watcher_sees_loss_and_score(trained: Trained) -> None:
    _, _, told = trained
    assert list(dict.fromkeys(step.stage for step in told)) == ["reading", "training", "finishing"]
    steps = [one for one in told if one.stage == "training"]
    assert steps[-1].step == steps[-1].steps == 200
    losses = [one.loss for one in steps if one.loss is not None]
    assert losses[-1] < losses[0] / 2.5
    assert steps[-1].macro_f1 is not None
    assert steps[-1].macro_f1 > 0.7
    assert [one.judged for one in steps][-1] == 4


def test_a_seed_repeats_and_another_differs(brief: tuple[Recipe, Path], tmp_path: Path) -> None:
    short, first = brief
    assert same(first, train(short, tmp_path / "again"))
    assert not same(first, train(replace(short, seed=8), tmp_path / "other"))


def test_half_is_half_the_size_and_says_the_same(brief: tuple[Recipe, Path], data: Path, tmp_path: Path) -> None:
    short, whole = brief
    half = train(replace(short, half=True), tmp_path / "half")
    sizes = [(model / "model.safetensors").stat().st_size for model in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]
    texts = read_split(str(data), "dev").texts
    assert np.abs(plain_probabilities(whole, texts) - plain_probabilities(half, texts)).max() < 2e-3


def test_a_pupil_learns_what_its_teacher_says(trained: Trained, recipe: Recipe, tmp_path: Path) -> None:
    # given comments whose labels are all wrong, and a teacher who knows better
    teacher, _, _ = trained
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    write_split(wrong / "dev.tsv", 400, seed=2)
    train_split = write_split(wrong / "train.tsv", 1_200, seed=1)
    lines = [line.split("\t") for line in train_split.read_text().splitlines()]
    train_split.write_text("".join(f"{text}\t27\t{number}\n" for text, _, number in lines))

    # when
    pupil = replace(recipe, data=str(wrong), teachers=(str(teacher),), label_share=0.0)
    report = fine_tune(pupil, tmp_path / "pupil", settings_for(teacher), lambda _: None)

    # then
    assert report.macro.f1 > 0.7


def start(recipe: Recipe, out: Path) -> subprocess.Popen[bytes]:
    """Train in a process of its own, with a checkpoint every 20 steps."""
    file = out.with_suffix(".json")
    file.write_text(recipe.as_json())
    program = (
        "import sys\nfrom pathlib import Path\nimport moodmill.worker.training.trainer as trainer\n"
        "trainer.CHECKPOINT_STEPS = 20\n"
        "from moodmill.worker.core.settings import WorkerSettings\n"
        "from moodmill.worker.training.fine_tuning import fine_tune\n"
        "from moodmill.worker.training.recipe import read_recipe\n"
        "fine_tune(read_recipe(Path(sys.argv[1])), Path(sys.argv[2]), WorkerSettings(), lambda _: None)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(file), str(out)], env=clean_environment(PYTHONPATH=str(ROOT))
    )


def checkpoints(out: Path) -> Sequence[Path]:
    return sorted((out / CHECKPOINTS).glob(f"checkpoint-*/{KEPT}"))


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(recipe: Recipe, tmp_path: Path) -> None:
    varied = replace(recipe, limit=300, token_masking=0.1, joined=4)
    undisturbed = train(varied, tmp_path / "undisturbed")

    # when it is killed in the middle of the third epoch, and its newest checkpoint was only half written
    out = tmp_path / "killed"
    process = start(varied, out)
    wait_until(lambda: len(checkpoints(out)) == 2, timeout=120)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    steps = max(int(path.parent.name.split("-")[1]) for path in checkpoints(out))
    assert 40 <= steps < 68
    torn = out / CHECKPOINTS / f"checkpoint-{steps + 20}"
    torn.mkdir(exist_ok=True)
    (torn / "model.safetensors").write_text("")
    told: list[Progress] = []
    fine_tune(varied, out, settings_for(out), told.append)

    # then
    assert next(one.step for one in told if one.step) == steps + 1
    assert same(undisturbed, out)


def test_a_folder_with_something_else_is_refused(trained: Trained, recipe: Recipe) -> None:
    out, _, _ = trained
    with pytest.raises(SettingError, match="is not empty, and holds no training to go on with"):
        train(recipe, out)


class StoppedError(Exception):
    """What stops a training in these tests."""


def begin(recipe: Recipe, out: Path) -> list[Progress]:
    """Train for a step, and return what was told until then."""
    told: list[Progress] = []

    def stop(at: Progress) -> None:
        told.append(at)
        if at.stage == "training":
            raise StoppedError

    with pytest.raises(StoppedError):
        fine_tune(recipe, out, settings_for(out), stop)
    return told


def test_an_unfinished_training_of_another_recipe_is_refused(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "begun"
    begin(recipe, out)
    with pytest.raises(SettingError, match="has not ended, with another epochs, seed: repeat its own settings"):
        train(replace(recipe, epochs=5, seed=1), out)
    with pytest.raises(SettingError, match="has not ended, with another limit"):
        train(replace(recipe, limit=100), out)
    # by a version whose recipes had no joined comments
    begun = out / CHECKPOINTS / "begun.json"
    was = json.loads(begun.read_text())
    del was["recipe"]["joined"]
    begun.write_text(json.dumps(was))
    with pytest.raises(SettingError, match="that another version of moodmill began: name a new folder"):
        train(recipe, out)


def test_soft_labels_of_dev_are_told_and_other_ones_are_another_training(
    recipe: Recipe, data: Path, tmp_path: Path
) -> None:
    train_texts, dev_texts = (read_split(str(data), split).texts for split in ("train", "dev"))
    of_dev = next(text for text in dev_texts if text not in train_texts)
    file = write_soft(tmp_path / "soft.parquet", {of_dev: 0.5, "other": 0.5})
    told = begin(replace(recipe, soft_labels=(str(file),)), tmp_path / "begun")
    assert [one.remark for one in told if one.remark] == ["not learned from: 1 texts of dev with soft labels"]
    write_soft(file, {"other": 0.4})
    with pytest.raises(SettingError, match="has not ended, with another content of the data"):
        train(replace(recipe, soft_labels=(str(file),)), tmp_path / "begun")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"epochs": 0}', "epochs is 0: expected 1 or more"),
        ('{"warmup": 2}', "warmup is 2: expected a share from 0 to 1"),
        ('{"joined": 1}', "joined is 1: expected 2 or more"),
        ('{"epoch": 1}', "names epoch, which no recipe has"),
        ("[]", "is no recipe"),
        ("{", "is no recipe"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "recipe.json"
    file.write_text(content)
    with pytest.raises(SettingError, match=said):
        read_recipe(file)


@pytest.mark.parametrize("path", [*ROOT.glob("worker/training/recipes/*.json"), BUNDLED / "recipe.json"], ids=str)
def test_every_recipe_that_make_trains_by_is_one(path: Path) -> None:
    assert read_recipe(path).token_masking > 0
