"""What is learned of each text: the labels that people gave it, and the probabilities of models."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = Sequence[int] | NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What to learn of n texts.

    Hinton et al., "Distilling the Knowledge in a Neural Network", 2015, with probabilities where it has softened
    logits: the answers of one sigmoid per emotion need no temperature.
    """

    #: [n, 27] of 0 and 1; the soft labels where nobody labelled the text.
    labels: NDArray[np.float32]
    #: [n, 27] from 0 to 1; the labels where no model was asked.
    soft: NDArray[np.float32]
    #: The labels' share of what is learned; the rest is the soft labels'.
    label_share: float

    @classmethod
    def hard(cls, labels: NDArray[np.float32]) -> "Targets":
        return cls(labels=labels, soft=labels, label_share=1.0)

    def united(self, rows: Rows) -> NDArray[np.float32]:
        """Return the [27] targets of the texts of these rows read as one."""
        share = self.label_share
        mixed = share * noisy_or(self.labels[rows]) + (1 - share) * noisy_or(self.soft[rows])
        return np.asarray(mixed, dtype=np.float32)


def noisy_or(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the [27] probabilities that an emotion is in at least one of k texts, [k, 27]; of labels their maximum."""
    return np.asarray(1 - np.prod(1 - probabilities, axis=0), dtype=np.float32)
