"""Labelled comments are read as they are meant, and what is no such file is refused."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SourceError
from moodmill.worker.training.labelled import Labelled, read_labelled, read_split
from tests.support import clean_environment

TEXTS = ["I love it", "It rains", 'so "proud", and\tglad']
FOUND = [["love"], [], ["joy", "pride"]]
OFFICIAL = [*EMOTIONS, "neutral"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def emotions_of(labelled: Labelled) -> list[list[str]]:
    assert labelled.targets.shape == (len(labelled), 27)
    assert labelled.targets.dtype == np.float32
    return [[name for name, flag in zip(EMOTIONS, row, strict=True) if flag] for row in labelled.targets]


def numbers(labels: Sequence[str] = OFFICIAL) -> list[list[int]]:
    return [sorted(labels.index(name) for name in names or ["neutral"]) for names in FOUND]


def flags() -> dict[str, list[int]]:
    return {name: [int(name in names) for names in FOUND] for name in EMOTIONS}


def write_parquet(path: Path, labels: Sequence[str] | None = None, *, old: bool = False) -> Path:
    """Write labels as lists of numbers, and, if they are named, what the `datasets` library writes about them."""
    table = pa.table({"text": TEXTS, "labels": numbers(labels or OFFICIAL), "id": ["a", "b", "c"]})
    if labels:
        named = {"names": list(labels), "_type": "ClassLabel"}
        feature = [named] if old else {"feature": named, "_type": "List"}
        told = {"info": {"features": {"text": {"dtype": "string", "_type": "Value"}, "labels": feature}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(told)})
    pyarrow.parquet.write_table(table, path)
    return path


def test_tsv_is_goemotions_own_format(tmp_path: Path) -> None:
    path = tmp_path / "dev.tsv"
    path.write_text('I love it\t18\tc1\nIt rains\t27\tc2\nso "proud\t17,21\tc3\n\n')
    labelled = read_labelled(path)
    assert labelled.texts == ["I love it", "It rains", 'so "proud']
    assert emotions_of(labelled) == FOUND


def test_labels_txt_beside_a_tsv_names_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(reversed(OFFICIAL)))
    (tmp_path / "dev.tsv").write_text("I love it\t9\nIt rains\t0\nglad\t6,10\n")
    assert emotions_of(read_labelled(tmp_path / "dev.tsv")) == FOUND


def test_csv_has_a_column_for_each_emotion(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    lines = [",".join(["text", *EMOTIONS, "note"])]
    quoted = [f'"{text.replace(chr(34), chr(34) * 2)}\n"' for text in TEXTS]
    lines += [",".join([text, *(str(flags()[name][row]) for name in EMOTIONS), "x"]) for row, text in enumerate(quoted)]
    path.write_text("\n".join(lines) + "\n")
    labelled = read_labelled(path)
    assert labelled.texts == [f"{text}\n" for text in TEXTS]
    assert emotions_of(labelled) == FOUND


def test_parquet_is_like_csv_or_has_lists_of_numbers(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"text": TEXTS} | flags()), tmp_path / "flags.parquet")
    for path in (tmp_path / "flags.parquet", write_parquet(tmp_path / "numbers.parquet")):
        labelled = read_labelled(path)
        assert labelled.texts == TEXTS
        assert emotions_of(labelled) == FOUND


@pytest.mark.parametrize("old", [False, True])
def test_names_that_a_parquet_file_gives_its_numbers_count(tmp_path: Path, old: bool) -> None:
    path = write_parquet(tmp_path / "named.parquet", OFFICIAL[::-1], old=old)
    assert emotions_of(read_labelled(path)) == FOUND


def test_a_split_of_a_folder_is_found_by_its_name(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet")
    (tmp_path / "dev.tsv").write_text("I love it\t18\tc1\n")
    assert len(read_split(str(tmp_path), "train")) == 3
    assert len(read_split(str(tmp_path), "dev")) == 1


def test_goemotions_of_the_hub_is_read_from_a_warm_cache(tmp_path: Path) -> None:
    # given the cache as after fetching the dataset once, train in two parts
    repository = tmp_path / "datasets--google-research-datasets--go_emotions"
    simplified = repository / "snapshots" / COMMIT / "simplified"
    simplified.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"):
        write_parquet(simplified / f"{name}.parquet", OFFICIAL)

    # when
    program = (
        "from moodmill.worker.training.labelled import GOEMOTIONS, read_split\n"
        "print(*(len(read_split(GOEMOTIONS, split)) for split in ('train', 'dev')))"
    )
    environment = clean_environment(HF_HUB_CACHE=str(tmp_path), PYTHONPATH=str(Path(__file__).parents[3]))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)

    # then
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["6", "3"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", "text\t28\n", "line 1: expected a text, a tab, and label numbers from 0 to 27"),
        ("a.tsv", "text\t3\ntext\t-1\n", "line 2: expected a text, a tab"),
        ("a.tsv", "text\tjoy\n", "line 1: expected a text, a tab"),
        ("a.tsv", "text\n", "line 1: expected a text, a tab"),
        ("a.tsv", "", "holds no labelled comment"),
        ("a.tsv", b"\xff\t1\n", "cannot be read: .*utf-8"),
        ("a.csv", "text,joy\na,1\n", "has no column for 26 of the 27 emotions: admiration, "),
        ("a.csv", ",".join(EMOTIONS) + "\n" + ",".join("0" * 27) + "\n", "has no column `text`"),
        ("a.csv", ",".join(["text", *EMOTIONS]) + "\na," + ",".join("0" * 26) + ",2\n", "expected 0 and 1"),
        ("a.csv", ",".join(["text", *EMOTIONS]) + "\na," + ",".join("0" * 26) + ",\n", "no cell empty"),
        ("a.csv", ",".join(["text", *EMOTIONS]) + "\na," + ",".join("0" * 26) + ",yes\n", "expected numbers"),
        ("a.csv", ",".join(["text", *EMOTIONS]) + "\na,0\n", "cannot be read"),
        ("a.parquet", "no parquet", "cannot be read"),
        ("a.txt", "text", r"expected labelled comments as \.tsv, \.csv or \.parquet"),
    ],
)
def test_what_is_no_labelled_file_is_refused(tmp_path: Path, name: str, content: str | bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SourceError, match=said) as refused:
        read_labelled(path)
    assert str(path) in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"cannot be read: .*No such file"):
        read_labelled(tmp_path / "nowhere.tsv")


def test_numbers_beyond_the_labels_of_a_parquet_file_are_refused(tmp_path: Path) -> None:
    for labels in ([[28]], [["joy"]], [None]):
        pyarrow.parquet.write_table(pa.table({"text": ["a"], "labels": labels}), tmp_path / "a.parquet")
        with pytest.raises(SourceError, match="expected `labels` to list numbers from 0 to 27"):
            read_labelled(tmp_path / "a.parquet")
