"""`moodmill train` as a person runs it, and its model at work."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest

from moodmill.cli.commands.train import train
from moodmill.worker.training.recipe import Recipe
from tests.support import clean_environment, moodmill, moodmill_here, wait_until, write_dump


@pytest.mark.real_data
def test_a_model_trained_on_2000_comments_of_goemotions_labels_a_dump(real_data: Path, tmp_path: Path) -> None:
    # given the first comments of GoEmotions
    goemotions = real_data.parent / "goemotions"
    subset = tmp_path / "subset"
    subset.mkdir()
    for split, lines in (("train", 2_000), ("dev", 100)):
        kept = (goemotions / f"{split}.tsv").read_text(encoding="utf-8").split("\n")[:lines]
        (subset / f"{split}.tsv").write_text("\n".join(kept) + "\n", encoding="utf-8")

    # when
    trained = moodmill("train", "my-model", "--data", subset, "--epochs", "1", cwd=tmp_path)

    # then
    assert trained.returncode == 0, trained.stderr
    assert "macro-F1 0." in trained.stdout
    assert "training, epoch 1: loss 0." in trained.stderr
    dump = write_dump(tmp_path / "RC_x", ["Thank you so much, I love it!", "This is awful."])
    labelled = moodmill("label", dump, "--model", "my-model", cwd=tmp_path)
    assert labelled.returncode == 0, labelled.stderr
    with closing(sqlite3.connect(tmp_path / "moodmill.db")) as store:
        rows = store.execute(
            "select model, gratitude + love, anger from comment_emotion order by comment_id"
        ).fetchall()
    assert all(model.startswith("my-model@") for model, *_ in rows)
    (_, warm, _), (_, cold, _) = rows
    assert warm > 3 * cold


def test_each_option_is_of_the_recipe() -> None:
    named = {parameter.name for parameter in train.params if parameter.expose_value}
    assert named - {"out", "file", "as_json"} == {field.name for field in fields(Recipe)}


def test_an_interrupted_training_says_how_to_go_on(tiny_model: Path, tmp_path: Path) -> None:
    # given a training without end, in the background of a shell, which has SIGINT ignored there
    (tmp_path / "data").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "data" / f"{split}.tsv").write_text("a\t3\tc0\nb\t27\tc1\n")
    options = ("--data", "data", "--encoder", str(tiny_model), "--epochs", "1000000")
    said = tmp_path / "said"
    with said.open("w") as log:
        process = subprocess.Popen(
            [
                "sh",
                "-c",
                'trap "" INT; exec "$@"',
                "sh",
                sys.executable,
                "-m",
                "moodmill.cli.main",
                "train",
                "out",
                *options,
            ],
            cwd=tmp_path,
            env=clean_environment(),
            stderr=log,
        )

    # when
    try:
        wait_until(lambda: "training, epoch 2: " in said.read_text(), timeout=150)
        process.send_signal(signal.SIGINT)

        # then
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.wait()
    assert "interrupted; the same command goes on where the last checkpoint in out is" in said.read_text()
    assert "Traceback" not in said.read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "./nowhere"], "the folder ./nowhere does not exist"),
        (["--data", "empty"], "empty has no train.tsv, train.csv or train.parquet"),
        (["--data", "bad"], "line 2: expected a text, a tab, and label numbers from 0 to 27"),
        (["--data", "good", "--encoder", "./nowhere"], "the encoder's folder ./nowhere does not exist"),
        (["--data", "good", "--encoder", "empty"], "the model empty has no weights"),
        (["--epochs", "0"], "0 is not in the range x>=1"),
        (["--data", "good", "--device", "abacus"], "MOODMILL_DEVICE is 'abacus'"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name, second in (("good", "b\t27\tc1"), ("bad", "b\t28\tc1")):
        (tmp_path / name).mkdir()
        for split in ("train", "dev"):
            (tmp_path / name / f"{split}.tsv").write_text(f"a\t3\tc0\n{second}\n")
    done = moodmill_here("train", "out", *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 4
