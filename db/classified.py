"""Comments with what a model says of them: the value that the worker hands to the store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from db.comment import Comment
from db.emotions import EMOTIONS


@dataclass(frozen=True, kw_only=True)
class Classified:
    """Comments of one source and what the model says of them; row i of every array belongs to comment i."""

    comments: Sequence[Comment]
    #: [n, 27], in the order of EMOTIONS.
    probabilities: NDArray[np.float32]
    #: [n]
    tokens: NDArray[np.int32]
    #: [n]
    truncated: NDArray[np.bool_]
    model: str
    source: str
    keep_text: bool = False

    def __post_init__(self) -> None:
        n = len(self.comments)
        if self.probabilities.shape != (n, len(EMOTIONS)) or len(self.tokens) != n or len(self.truncated) != n:
            raise ValueError(
                f"{n} comments, but probabilities {self.probabilities.shape}, {len(self.tokens)} token counts"
            )
