"""Labelled comments that a model of two layers learns in seconds: each emotion has a letter of its own."""

import random
import string
from pathlib import Path

import pytest

from db.emotions import EMOTIONS

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
