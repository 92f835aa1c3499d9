"""Pictures are drawn whatever the figures are."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.training.pictures import draw_curves, draw_reliability
from moodmill.worker.training.report import judge

LOSSES = [(step / 50, 0.1 + 0.5 / (1 + step)) for step in range(100)]


def colours(path: Path) -> int:
    return len(np.unique(imread(path).reshape(-1, 4), axis=0))


@pytest.mark.parametrize(
    ("losses", "scores"), [(LOSSES, [(1.0, 0.4), (2.0, 0.45)]), (LOSSES[:1], [(0.1, 0.3)]), ([], [])]
)
def test_curves_are_drawn_of_long_short_and_empty_trainings(
    losses: list[tuple[float, float]], scores: list[tuple[float, float]], tmp_path: Path
) -> None:
    draw_curves(losses, scores, tmp_path / "curves.png")
    assert imread(tmp_path / "curves.png").shape == (600, 1200, 4)
    assert colours(tmp_path / "curves.png") > 20


def test_reliability_is_drawn_though_most_bins_are_empty(tmp_path: Path) -> None:
    probabilities = np.full((5, 27), 0.2, dtype=np.float32)
    report = judge(np.zeros_like(probabilities), probabilities, dict.fromkeys(EMOTIONS, 0.3))
    draw_reliability(report, tmp_path / "reliability.png")
    assert imread(tmp_path / "reliability.png").shape == (600, 1200, 4)
