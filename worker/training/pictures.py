"""Pictures of a training and of a model's calibration, as PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from moodmill.worker.training.report import Report

#: Of a picture of 12 x 6 inches: 1,200 x 600 pixels.
_DPI: Final = 100
_SIZE: Final = (12.0, 6.0)
_BLUE, _RED, _GREY = "#2a6fbb", "#c4462e", "#9a9a9a"


def draw_curves(losses: Sequence[tuple[float, float]], scores: Sequence[tuple[float, float]], path: Path) -> None:
    """Draw the loss and dev's macro-F1 over the epochs: pairs of an epoch (a fraction in mid-epoch) and a figure."""
    figure = _figure()
    left, right = figure.subplots(1, 2)
    left.plot(*_columns(losses), color=_GREY, linewidth=0.8, alpha=0.6, label="of 25 steps")
    left.plot(*_columns(_smooth(losses)), color=_BLUE, linewidth=2, label="running mean")
    left.set(title="Training loss", xlabel="epoch", ylabel="binary cross-entropy")
    left.legend(frameon=False)
    right.plot(*_columns(scores), color=_RED, linewidth=2, marker="o")
    for epoch, score in scores:
        right.annotate(f"{score:.3f}", (epoch, score), textcoords="offset points", xytext=(0, 8), ha="center")
    right.set(title="Macro-F1 on dev, 27 emotions", xlabel="epoch", ylabel="F1")
    right.margins(0.1, 0.2)
    _finish(figure, (left, right), path)


def draw_reliability(report: Report, path: Path) -> None:
    """Draw the observed share against the probability, and how many decisions each bin holds."""
    figure = _figure()
    left, right = figure.subplots(1, 2)
    filled = [one for one in report.bins if one.n]
    left.plot([0, 1], [0, 1], color=_GREY, linestyle="--", label="a probability that means what it says")
    left.plot([one.predicted for one in filled], [one.observed for one in filled], color=_BLUE, marker="o", linewidth=2)
    left.set(
        title=f"Reliability: expected calibration error {report.ece:.4f}",
        xlabel="probability (mean of the bin)",
        ylabel="share that carries the emotion",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    left.legend(frameon=False, loc="upper left")
    width = report.bins[0].upper - report.bins[0].lower
    right.bar([one.lower for one in report.bins], [one.n for one in report.bins], width, align="edge", color=_BLUE)
    right.set(title=f"Decisions: {report.comments:,} comments x 27 emotions", xlabel="probability", xlim=(0, 1))
    right.set_yscale("symlog", linthresh=1)
    right.set_ylabel("decisions (logarithmic)")
    _finish(figure, (left, right), path)


def _figure() -> Figure:
    figure = Figure(figsize=_SIZE, dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)  # no window, and none of pyplot's global state
    return figure


def _finish(figure: Figure, panels: Sequence[Any], path: Path) -> None:
    for panel in panels:
        panel.grid(alpha=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _smooth(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the mean of each point and of those before it, a fortieth of all."""
    window = max(1, len(points) // 40)
    parts = [points[max(0, at + 1 - window) : at + 1] for at in range(len(points))]
    return [(part[-1][0], sum(y for _, y in part) / len(part)) for part in parts]
