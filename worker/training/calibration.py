"""Calibration: each emotion's logit is scaled and shifted so that probabilities mean what they say.

Platt scaling (Platt, "Probabilistic Outputs for Support Vector Machines", 1999) on the logits of dev, an emotion at a
time. It keeps the ranking of comments, so F1 with tuned thresholds stays as it was, and it folds into the head.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from worker.training.encoder import output_layer

#: Weight of the squared distance from "no change", in positive examples: a rare emotion's scale stays near 1.
SHRINK: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Logit z of emotion e becomes scale[e] * z + shift[e]; both are [27]."""

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]

    def applied(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits * self.scale + self.shift


def fit_calibration(targets: NDArray[np.float32], logits: NDArray[np.float32]) -> Calibration:
    """Fit scales and shifts by likelihood on [n, 27] targets and logits, drawn towards 1 and 0."""
    wanted, found = torch.from_numpy(targets).double(), torch.from_numpy(logits).double()
    scale = torch.ones(logits.shape[1], dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([scale, shift], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        total = binary_cross_entropy_with_logits(found * scale + shift, wanted, reduction="sum")
        total = total + SHRINK / 2 * ((scale - 1) ** 2 + shift**2).sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    solver.step(loss)  # type: ignore[no-untyped-call]
    return Calibration(scale=scale.detach().float().numpy(), shift=shift.detach().float().numpy())


@torch.no_grad()
def fold(calibration: Calibration, model: Any) -> None:
    """Put a calibration into the model's last layer, so that whoever loads it gets calibrated logits."""
    head = output_layer(model)
    scale = torch.from_numpy(calibration.scale).to(head.weight)
    head.bias.mul_(scale).add_(torch.from_numpy(calibration.shift).to(head.bias))
    head.weight.mul_(scale[:, None])
