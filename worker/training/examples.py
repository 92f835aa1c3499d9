"""What a step sees: texts as token ids, each alone or several joined to one, with what to learn of them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from torch.utils.data import Dataset

from worker.training.encoder import Encoder
from worker.training.targets import Targets

#: Rows of texts that are read as one, in this order.
Rows = tuple[int, ...]
#: Share of the joined texts that are short, and the parameter of the geometric distribution of their comments.
SHORT: Final = 0.8
_SHORTNESS: Final = 0.3
#: Comments that the others have at least, where so many may be joined.
_LONG: Final = 6


class Examples(Dataset[dict[str, Any]]):
    """n texts and their targets. It is asked for by one row, or by the rows of those to be joined."""

    def __init__(self, encoder: Encoder, texts: Sequence[str], targets: Targets) -> None:
        whole, bare = (encoder.tokenizer("a", add_special_tokens=special)["input_ids"] for special in (True, False))
        before = whole.index(bare[0])
        self._before, self._after = whole[:before], whole[before + len(bare) :]
        #: Tokens of a text that are read, without the special ones around it.
        self.room: Final = encoder.max_tokens - len(self._before) - len(self._after)
        tokenizer = encoder.tokenizer
        cut = {"truncation": True, "max_length": self.room, "add_special_tokens": False}
        self._ids: list[list[int]] = tokenizer(list(texts), **cut)["input_ids"]
        self._targets = targets

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, asked: int | Rows) -> dict[str, Any]:
        rows = asked if isinstance(asked, tuple) else (asked,)
        ids = [token for row in rows for token in self._ids[row]]
        return {
            "input_ids": [*self._before, *ids[: self.room], *self._after],
            "labels": self._targets.united(np.unique(rows)),
        }

    def length(self, rows: Rows) -> int:
        """Return how many tokens of these rows' texts are read, without the special ones."""
        return min(self.room, sum(len(self._ids[row]) for row in rows))


class Curriculum:
    """What each epoch goes through: every text by itself, and all comments once more, joined in another way each time.

    People write comments of several sentences, and feel several things in them; the comments of GoEmotions are short.
    """

    def __init__(self, texts: int, comments: int, joined: int, seed: int) -> None:
        """`comments`: the first so many of the texts may be joined; `joined`: at most so many, none if 0."""
        self._texts, self._comments, self._seed = texts, comments, seed
        # Drawn once, so that every epoch has as many steps.
        self._sizes = _sizes(comments, joined, np.random.default_rng(seed)) if joined else []

    def __len__(self) -> int:
        return self._texts + len(self._sizes)

    def epoch(self, number: int) -> list[Rows]:
        """Return the examples of an epoch, the same whenever they are asked for."""
        # Of another stream than the order in which the epoch takes them.
        order = np.random.default_rng((self._seed, number, 1)).permutation(self._comments).tolist()
        ends = np.cumsum(self._sizes).tolist()
        joined = [tuple(order[end - size : end]) for end, size in zip(ends, self._sizes, strict=True)]
        return [*((row,) for row in range(self._texts)), *joined]


def _sizes(comments: int, joined: int, dice: np.random.Generator) -> list[int]:
    """Return how many comments each joined text is of; all in all, these are all."""
    sizes: list[int] = []
    left = comments
    while left:
        short = dice.random() < SHORT
        size = 1 + dice.geometric(_SHORTNESS) if short else dice.integers(min(_LONG, joined), joined + 1)
        sizes.append(min(left, joined, int(size)))
        left -= sizes[-1]
    return sizes
