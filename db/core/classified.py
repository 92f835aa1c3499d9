"""Comments with what a model says of them: the value that the worker hands to the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.comment import Comment, Ids, text_hash
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.unsupported import Reason


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
    #: [n]: parts that each text was read in.
    segments: NDArray[np.int32]
    #: [n]: why the model is not to be trusted on a text.
    unsupported: Sequence[Reason | None]
    model: str
    #: What computed the probabilities.
    engine: Engine
    source: str
    keep_text: bool = False
    ids: Ids = "reddit"
    #: Whether rows of the same texts that another precision made are to be replaced.
    replaces: bool = False

    def __post_init__(self) -> None:
        n = len(self.comments)
        facts = {name: len(getattr(self, name)) for name in ("tokens", "truncated", "segments", "unsupported")}
        if self.probabilities.shape != (n, len(EMOTIONS)) or {*facts.values()} != {n}:
            raise ValueError(f"{n} comments, but probabilities {self.probabilities.shape}, and {facts}")

    @cached_property
    def text_hashes(self) -> list[int]:
        """The hash of each comment's text."""
        return [text_hash(comment.text) for comment in self.comments]

    def take(self, order: Sequence[int]) -> "Classified":
        """Return these rows, in this order."""
        return replace(
            self,
            comments=[self.comments[row] for row in order],
            probabilities=self.probabilities[order],
            tokens=self.tokens[order],
            truncated=self.truncated[order],
            segments=self.segments[order],
            unsupported=[self.unsupported[row] for row in order],
        )
