"""Labelled comments that a model of two layers learns in seconds: each emotion has a letter of its own."""

import random
import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.training.soft_labels import SoftLabels, write_soft_labels
from moodmill.worker.training.targets import Targets
from moodmill.worker.training.trainingset import TrainingSet

_SYMBOLS = string.ascii_lowercase + string.digits


def write_split(path: Path, comments: int, seed: int) -> Path:
    """Write GoEmotions TSV whose texts are single letters: letter i means emotion i, most digits mean nothing."""
    chosen = random.Random(seed)
    lines = []
    for number in range(comments):
        symbols = chosen.sample(_SYMBOLS, chosen.randint(1, 4))
        labels = [str(at) for one in symbols if (at := _SYMBOLS.index(one)) < len(EMOTIONS)]
        lines.append(f"{' '.join(symbols)}\t{','.join(labels) or '27'}\tc{number}\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the splits train and dev."""
    folder = tmp_path_factory.mktemp("labelled")
    write_split(folder / "train.tsv", 1_200, seed=1)
    write_split(folder / "dev.tsv", 400, seed=2)
    return folder


def write_soft(path: Path, said: Mapping[str, float | NDArray[np.float32]]) -> Path:
    """Write a file of soft labels: the probabilities of each text, or one for all its emotions."""
    rows = [np.broadcast_to(np.float32(probabilities), len(EMOTIONS)) for probabilities in said.values()]
    with path.open("wb") as file:
        write_soft_labels(SoftLabels(texts=[*said], probabilities=np.stack(rows)), file)
    return path


def training_set(comments: int, others: int = 0, emoji: int = 0) -> TrainingSet:
    """So many texts, of which nothing is learned."""
    texts = [str(number) for number in range(comments + others + emoji)]
    targets = Targets.hard(np.zeros((len(texts), len(EMOTIONS)), dtype=np.float32))
    return TrainingSet(texts=texts, targets=targets, comments=comments, emoji=emoji, of_dev=0)
