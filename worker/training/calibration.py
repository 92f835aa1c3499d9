"""Calibration: each emotion's logit is scaled and shifted so that probabilities mean what they say.

Platt scaling (Platt, "Probabilistic Outputs for Support Vector Machines", 1999) on the logits of dev, an emotion at a
time. It keeps the ranking of what is read at once, and it folds into the head. A text that is read in segments has an
emotion where one of them has it: there the scales are such that this probability means what it says.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import logsigmoid

from moodmill.worker.inference.segments import Pooling, independence
from moodmill.worker.training.encoder import output_layer

#: Weight of the squared distance from "no change", in positive examples: a rare emotion's scale stays near 1.
SHRINK: Final = 10.0
#: The least -log(1 - p) above 0.
_LEAST: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Logit z of emotion e becomes scale[e] * z + shift[e]; both are [27]."""

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]

    def applied(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return logits * self.scale + self.shift


def fit_calibration(
    targets: NDArray[np.float32],
    logits: NDArray[np.float32],
    counts: NDArray[np.int32] | None = None,
    pooling: Pooling = "noisy-or",
) -> Calibration:
    """Fit scales and shifts by likelihood on [n, 27] targets and the logits of n texts, drawn towards 1 and 0.

    `counts`: how many segments each of the texts has; the logits are those of the segments then, which are pooled.
    """
    wanted, found = torch.from_numpy(targets).double(), torch.from_numpy(logits).double()
    owners = None if counts is None else torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    share = 1 if counts is None or pooling == "max" else torch.from_numpy(independence(counts))[:, None]
    #: log(1 - p) of a text, from those of its segments.
    reduce = "sum" if pooling == "noisy-or" else "amin"
    scale = torch.ones(logits.shape[1], dtype=torch.float64, requires_grad=True)
    shift = torch.zeros(logits.shape[1], dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([scale, shift], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        lacking = logsigmoid(-(found * scale + shift))  # log(1 - p) of each segment
        if owners is not None:
            lacking = torch.zeros_like(wanted).scatter_reduce(0, owners[:, None].expand_as(lacking), lacking, reduce)
            lacking = lacking * share
        having = torch.log(-torch.expm1(lacking.clamp(max=-_LEAST)))
        total = -(wanted * having + (1 - wanted) * lacking).sum()
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
