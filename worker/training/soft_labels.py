"""Soft labels: what models say of texts, kept in a file that a student learns from.

A file is Parquet with a column `text` and one of probabilities, 0 to 1, for each of the 27 emotions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SourceError
from moodmill.worker.training.labelled import read_columns


@dataclass(frozen=True, kw_only=True)
class SoftLabels:
    """Probabilities of n texts, each of which is there once."""

    texts: list[str]
    #: [n, 27] from 0 to 1, in the order of EMOTIONS.
    probabilities: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.texts)


def read_soft_labels(paths: Sequence[Path]) -> SoftLabels:
    """Read files of soft labels; a text that several rows hold has their mean. Raises SourceError naming the file."""
    read = [_read(path) for path in paths]
    rows = {text: row for row, text in enumerate(dict.fromkeys(text for texts, _ in read for text in texts))}
    total = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float64)
    voices = np.zeros((len(rows), 1))
    for texts, probabilities in read:
        at = [rows[text] for text in texts]
        np.add.at(total, at, probabilities)
        np.add.at(voices, at, 1)
    return SoftLabels(texts=[*rows], probabilities=(total / voices).astype(np.float32))


def write_soft_labels(soft: SoftLabels, file: BinaryIO) -> None:
    columns = dict(zip(EMOTIONS, soft.probabilities.T, strict=True))
    pyarrow.parquet.write_table(pa.table({"text": pa.array(soft.texts, pa.string())} | columns), file)


def _read(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    if path.suffix.lower() != ".parquet":
        raise SourceError(f"{path}: expected soft labels as .parquet, which `moodmill soft-labels` writes")
    try:
        texts, probabilities = read_columns(pyarrow.parquet.read_table(path), path)
    except (OSError, pa.ArrowInvalid) as error:
        raise SourceError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # NaN is neither
        raise SourceError(f"{path}: expected probabilities from 0 to 1 in the columns of the emotions, no cell empty")
    return texts, probabilities
