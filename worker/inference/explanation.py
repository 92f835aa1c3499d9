"""What can be seen of how a model comes to its answer on a text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.errors import MoodmillError
from moodmill.db.core.unsupported import Reason
from moodmill.worker.inference.logits import sigmoid
from moodmill.worker.inference.tokens import Token


class UnwantedError(MoodmillError):
    """Nobody waits for the explanation any more."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """A model's last layer, which is linear: a logit is its bias and the sum of its weights times what it reads."""

    #: [27, h], rows in the order of EMOTIONS.
    weights: NDArray[np.float32]
    #: [27]
    biases: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class ExplainedSegment:
    """What a model reads at once, n tokens, and what it says of it, in fp32."""

    #: Special ones included.
    tokens: Sequence[Token]
    #: [27]
    logits: NDArray[np.float32]
    #: [h]: the pooled vector, which the head reads; None where the model's last layer is not linear.
    vector: NDArray[np.float32] | None
    #: The last layer, with its weights [27, h] and biases [27].
    head: Head | None
    #: [n, 27]: the logits without each token, NaN for special ones; None where nobody asked for it.
    logits_without: NDArray[np.float32] | None = None

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """The probability of each emotion, [27]."""
        return sigmoid(self.logits)

    @property
    def effects(self) -> NDArray[np.float32]:
        """How much higher each probability is than without each token, [n, 27]; NaN for special tokens.

        Raises ValueError where nobody asked for them.
        """
        if self.logits_without is None:
            raise ValueError("no token was left out: ask for an explanation with effects")
        return self.probabilities - sigmoid(self.logits_without)

    @property
    def products(self) -> NDArray[np.float32] | None:
        """The head's weights times what it reads, [27, h]: a row and the emotion's bias add up to its logit."""
        return None if self.head is None or self.vector is None else self.head.weights * self.vector


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A text as a model reads it, segment by segment."""

    #: One at least.
    segments: Sequence[ExplainedSegment]
    #: [27]: of the whole text, pooled from its segments.
    probabilities: NDArray[np.float32]
    #: Whether the text was longer than the limit, and only its beginning is here.
    truncated: bool
    #: Why the model is not to be trusted on the text, "language" or "tokens"; None: nothing speaks against it.
    unsupported: Reason | None
