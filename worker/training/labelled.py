"""Labelled comments: GoEmotions from the Hub or a folder, or a table of your own."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SourceError
from moodmill.worker.inference.repository import fetch

Split = Literal["train", "dev"]

#: The official data on the Hub: 43,410 comments to train on, 5,426 to tune on (Demszky et al., ACL 2020).
GOEMOTIONS: Final = "google-research-datasets/go_emotions"
#: Its configuration with the official split, and what that calls the splits.
_CONFIGURATION: Final = "simplified"
_HUB_SPLIT: Final[dict[Split, str]] = {"train": "train", "dev": "validation"}
#: How the data numbers its labels where nothing beside it says otherwise.
_OFFICIAL: Final = (*EMOTIONS, "neutral")


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """n texts and their emotions."""

    texts: list[str]
    #: [n, 27] of 0 and 1, in the order of EMOTIONS. A row of zeros is a comment without an emotion (neutral).
    targets: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)

    def first(self, n: int) -> "Labelled":
        return Labelled(texts=self.texts[:n], targets=self.targets[:n])

    def take(self, rows: NDArray[np.intp]) -> "Labelled":
        """Return these rows, in this order."""
        return Labelled(texts=[self.texts[row] for row in rows], targets=self.targets[rows])


def read_split(data: str, split: Split) -> Labelled:
    """Read a split of a folder (train.tsv, dev.csv, dev.parquet, …) or of a dataset repository of the Hub.

    Raises SourceError when it cannot be read, ModelError when the Hub does not give it.
    """
    folder = Path(data)
    if folder.is_dir():
        found = [path for end in ("tsv", "csv", "parquet") if (path := folder / f"{split}.{end}").exists()]
        if not found:
            raise SourceError(f"{folder} has no {split}.tsv, {split}.csv or {split}.parquet")
        return read_labelled(found[0])
    if data.startswith((".", "/", "~")):
        raise SourceError(f"the folder {data} does not exist")
    snapshot = fetch(data, None, [f"{_CONFIGURATION}/*.parquet"], kind="dataset")
    parts = sorted((snapshot / _CONFIGURATION).glob(f"{_HUB_SPLIT[split]}-*.parquet"))
    if not parts:
        raise SourceError(f"the dataset {data} has no {_CONFIGURATION}/{_HUB_SPLIT[split]}-*.parquet")
    read = [read_labelled(part) for part in parts]
    return Labelled(
        texts=[text for one in read for text in one.texts], targets=np.concatenate([one.targets for one in read])
    )


def read_labelled(path: Path) -> Labelled:
    """Read labelled comments from a file, by its ending. Raises SourceError naming the file, and the line if it can.

    .tsv      GoEmotions: text, comma-separated label numbers, id; no header, no quoting. Numbers count the lines of
              labels.txt beside it, or else the official order: the emotions by alphabet, then neutral.
    .csv      With a header: `text` and a column of 0 and 1 for each of the 27 emotions.
    .parquet  As .csv, or as on the Hub: `text` and `labels`, a list of numbers.

    Labels that are no emotion of ours (neutral) are dropped; a comment with none left is an example of no emotion.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise SourceError(f"{path}: expected labelled comments as .tsv, .csv or .parquet")
    try:
        labelled = read(path)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not labelled.texts:
        raise SourceError(f"{path} holds no labelled comment")
    return labelled


def _read_tsv(path: Path) -> Labelled:
    names_file = path.with_name("labels.txt")
    columns = _columns(names_file.read_text(encoding="utf-8").split() if names_file.exists() else _OFFICIAL)
    texts: list[str] = []
    rows: list[list[int | None]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line:
            continue
        try:
            text, labels, *_ = line.split("\t")
            rows.append([columns[int(label)] for label in labels.split(",")])
        except (ValueError, KeyError) as error:
            raise SourceError(
                f"{path}, line {number}: expected a text, a tab, and label numbers from 0 to {len(columns) - 1} "
                f"as 3 or 3,17: {error}"
            ) from error
        texts.append(text)
    return Labelled(texts=texts, targets=_targets(rows))


def _read_csv(path: Path) -> Labelled:
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    return _of_table(pyarrow.csv.read_csv(path, parse_options=parsing), path)


def _read_parquet(path: Path) -> Labelled:
    table = pyarrow.parquet.read_table(path)
    if "labels" not in table.column_names:
        return _of_table(table, path)
    columns = _columns(_label_names(table.schema))
    try:
        rows: list[list[int | None]] = [[columns[number] for number in one] for one in table["labels"].to_pylist()]
    except (TypeError, KeyError) as error:
        raise SourceError(f"{path}: expected `labels` to list numbers from 0 to {len(columns) - 1}: {error}") from error
    return Labelled(texts=_texts(table, path), targets=_targets(rows))


def _of_table(table: pa.Table, path: Path) -> Labelled:
    texts, targets = read_columns(table, path)
    if not np.isin(targets, (0, 1)).all():
        raise SourceError(f"{path}: expected 0 and 1 in the columns of the emotions, and no cell empty")
    return Labelled(texts=texts, targets=targets)


def read_columns(table: pa.Table, path: Path) -> tuple[list[str], NDArray[np.float32]]:
    """Return the texts of a table and the numbers of its 27 emotions, NaN for an empty cell. Raises SourceError."""
    missing = [name for name in EMOTIONS if name not in table.column_names]
    if missing:
        raise SourceError(f"{path} has no column for {len(missing)} of the 27 emotions: {', '.join(missing)}")
    try:
        numbers = [table[name].cast(pa.float32()).to_numpy() for name in EMOTIONS]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SourceError(f"{path}: expected numbers in the columns of the emotions: {error}") from error
    return _texts(table, path), np.stack(numbers, axis=1)


def _texts(table: pa.Table, path: Path) -> list[str]:
    if "text" not in table.column_names:
        raise SourceError(f"{path} has no column `text`: its columns are {', '.join(table.column_names[:10])}")
    return [text or "" for text in table["text"].cast(pa.string()).to_pylist()]


def _label_names(schema: pa.Schema) -> tuple[str, ...]:
    """Return what the `datasets` library writes into a file about its label numbers; without it, the official order."""
    features = (schema.metadata or {}).get(b"huggingface")
    if features is None:
        return _OFFICIAL
    labels: Any = json.loads(features)["info"]["features"]["labels"]
    numbered = labels[0] if isinstance(labels, list) else labels.get("feature", labels)
    found = numbered.get("names")
    return tuple(found) if found else _OFFICIAL


def _columns(names: Sequence[str]) -> dict[int, int | None]:
    """Return the column of each label number; None for a label that is no emotion of ours."""
    known = [name.lower() for name in names]
    return {number: EMOTIONS.index(name) if name in EMOTIONS else None for number, name in enumerate(known)}


def _targets(rows: list[list[int | None]]) -> NDArray[np.float32]:
    targets = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float32)
    for row, columns in enumerate(rows):
        targets[row, [column for column in columns if column is not None]] = 1
    return targets


_READERS: Final[dict[str, Callable[[Path], Labelled]]] = {
    ".tsv": _read_tsv,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
