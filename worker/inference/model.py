"""What an engine is to the rest of the worker: token ids in, probabilities out. Knows no Redis and no SQL."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine

#: Architectures whose positions are counted from the padding id on, so that fewer are left for tokens.
_POSITIONS_AFTER_PADDING: Final = {"roberta", "xlm-roberta", "camembert", "longformer"}


class OutOfMemoryError(Exception):
    """The device has no memory for a micro-batch: a smaller one may fit."""


class DeviceError(Exception):
    """After this nothing works on the device, and no text is to blame."""


class NotRunnableError(Exception):
    """An engine cannot run a model here; says why. Another one may."""


class EmotionModel(Protocol):
    """A sequence classifier, loaded: one sigmoid per emotion, labels mapped by name. May be used from many threads."""

    @property
    def engine(self) -> Engine: ...

    @property
    def device(self) -> str:
        """As "cpu" or "cuda:1"."""

    @property
    def lanes(self) -> int:
        """Micro-batches that it runs at once."""

    @property
    def pads(self) -> bool:
        """Whether each text costs as much as the longest of its micro-batch."""

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that it takes, special ones included."""

    @property
    def vocabulary(self) -> int:
        """Token ids that it has embeddings for: 0 up to this, which it has not."""

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        """Return [n, 27] probabilities, in the order of EMOTIONS, of n texts' token ids.

        Raises OutOfMemoryError, DeviceError, and FloatingPointError where a probability is no number.
        """


def checked(probabilities: NDArray[np.float32], texts: int) -> NDArray[np.float32]:
    """Return the probabilities of so many texts. Raises FloatingPointError where they are not that."""
    if probabilities.shape != (texts, len(EMOTIONS)) or not np.isfinite(probabilities).all():
        raise FloatingPointError(f"the model gave {probabilities.shape} with non-finite values for {texts} texts")
    return probabilities


def first_position(model_type: str, pad_id: int | None) -> int:
    """Return the position of a text's first token, by the family of the model."""
    return (pad_id or 0) + 1 if model_type in _POSITIONS_AFTER_PADDING else 0


def positions(model_type: str, most: int | None, pad_id: int | None) -> int:
    """Return how many tokens a model takes, by what its config says: `most` is its `max_position_embeddings`."""
    return (most if most and most > 0 else 2**31) - first_position(model_type, pad_id)
