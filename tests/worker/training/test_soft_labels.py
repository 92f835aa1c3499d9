"""Files of soft labels are read as they were written, and what is none is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SourceError
from moodmill.worker.training.soft_labels import read_soft_labels
from tests.worker.training.conftest import write_soft


def columns(*cells: Any) -> dict[str, list[Any]]:
    """The same cells for each emotion."""
    return {name: [*cells] for name in EMOTIONS}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    probabilities = np.random.default_rng(0).random((2, 27), dtype=np.float32)
    texts = ["I\nlove it", ""]
    soft = read_soft_labels([write_soft(tmp_path / "a.parquet", dict(zip(texts, probabilities, strict=True)))])
    assert soft.texts == texts
    assert np.array_equal(soft.probabilities, probabilities)


def test_a_text_of_several_files_has_their_mean(tmp_path: Path) -> None:
    files = [
        write_soft(tmp_path / "a.parquet", {"both": 0.2, "one": 0.5}),
        write_soft(tmp_path / "b.parquet", {"both": 0.4}),
    ]
    soft = read_soft_labels(files)
    assert soft.texts == ["both", "one"]
    assert soft.probabilities[:, 0] == pytest.approx([0.3, 0.5])


def test_other_columns_do_not_matter(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(
        pa.table({"id": ["c1"], "text": ["a"], "tokens": [3]} | columns(0.5)), tmp_path / "export.parquet"
    )
    assert read_soft_labels([tmp_path / "export.parquet"]).texts == ["a"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"text": ["a"]}, "has no column for 27 of the 27 emotions: admiration, "),
        (columns(0.5), "has no column `text`"),
        ({"text": ["a"]} | columns(1.5), "expected probabilities from 0 to 1"),
        ({"text": ["a"]} | columns(-0.1), "expected probabilities from 0 to 1"),
        ({"text": ["a", "b"]} | columns(0.5, None), "no cell empty"),
        ({"text": ["a"]} | columns("joy"), "expected numbers"),
    ],
)
def test_what_is_no_file_of_soft_labels_is_refused(tmp_path: Path, table: dict[str, list[Any]], said: str) -> None:
    path = tmp_path / "bad.parquet"
    pyarrow.parquet.write_table(pa.table(table), path)
    with pytest.raises(SourceError, match=said) as refused:
        read_soft_labels([path])
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "said"), [("a.csv", r"expected soft labels as \.parquet"), ("a.parquet", "cannot be read")]
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_text("text")
    for path in (tmp_path / name, tmp_path / "nowhere" / name):
        with pytest.raises(SourceError, match=said):
            read_soft_labels([path])
