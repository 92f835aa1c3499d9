"""`moodmill soft-labels` as a person runs it, and a training by what it writes."""

from pathlib import Path

import pyarrow.parquet
import pytest

from moodmill.db.core.emotions import EMOTIONS
from tests.support import moodmill_here, write_dump


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for split, texts in (("train", ["i love this", "a", "a"]), ("dev", ["thanks", "b"])):
        lines = [f"{text}\t{label}\tc\n" for text, label in zip(texts, (18, 3, 27), strict=False)]
        (tmp_path / "data" / f"{split}.tsv").write_text("".join(lines))
    write_dump(tmp_path / "RC_x", ["i hate this. " * 20, "[removed]", "thanks"])
    return tmp_path


def test_a_student_learns_from_what_a_teacher_said(folder: Path, tiny_model: Path) -> None:
    # when
    wanted = ("--data", "data", "--emoji", "--model", tiny_model)
    written = moodmill_here("soft-labels", "soft.parquet", "RC_x", *wanted, cwd=folder)

    # then
    assert written.returncode == 0, written.stderr
    table = pyarrow.parquet.read_table(folder / "soft.parquet")
    assert table.column_names == ["text", *EMOTIONS]
    texts = table["text"].to_pylist()
    assert texts[:4] == ["i love this", "a", "i hate this. " * 20, "thanks"]
    assert {"😂", ":)"} < set(texts)
    assert written.stdout == f"soft.parquet: {len(texts):,} texts\n"

    # and
    options = ("--soft-labels", "soft.parquet", "--joined", "4", "--emoji", "--epochs", "1")
    trained = moodmill_here("train", "out", "--data", "data", "--encoder", tiny_model, *options, cwd=folder)
    assert trained.returncode == 0, trained.stderr
    assert "not learned from: 1 texts of dev with soft labels" in trained.stderr
    assert "| soft labels | soft.parquet |" in (folder / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["soft.csv", "RC_x"], "expected a name that ends in .parquet, got soft.csv"),
        (["soft.parquet"], "nothing to ask for: name SOURCEs, --data or --emoji"),
        (["old.parquet", "RC_x"], "old.parquet is there already"),
        (["soft.parquet", "nowhere"], "nowhere"),
        (["soft.parquet", "RC_x", "--delimiter", ";"], "--delimiter would do nothing"),
        (["soft.parquet", "--data", "./nowhere"], "the folder ./nowhere does not exist"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], said: str, folder: Path, tiny_model: Path) -> None:
    (folder / "old.parquet").touch()
    done = moodmill_here("soft-labels", *arguments, "--model", tiny_model, cwd=folder)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "soft.parquet").exists()
