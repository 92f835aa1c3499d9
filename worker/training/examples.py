"""What a step sees: texts as token ids, alone, joined, or with emoji behind them, and what to learn of them."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from torch.utils.data import Dataset

from moodmill.worker.training.encoder import Encoder
from moodmill.worker.training.targets import Targets
from moodmill.worker.training.trainingset import TrainingSet

#: Rows of texts that are read as one, in this order.
Rows = tuple[int, ...]
#: Share of the joined texts that are short, and the parameter of the geometric distribution of their comments.
SHORT: Final = 0.8
_SHORTNESS: Final = 0.3
#: Comments that the others have at least, where so many may be joined.
_LONG: Final = 6
#: Share of an epoch's texts that get an emoji, how often it stands there at most, and the share of these that are
#: nothing else.
WITH_EMOJI: Final = 0.05
_MOST_EMOJI: Final = 3
_EMOJI_ALONE: Final = 0.3


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
        # What is too long is cut before the last text: that may be an emoji.
        last = self._ids[rows[-1]]
        ids = [token for row in rows[:-1] for token in self._ids[row]][: self.room - len(last)]
        return {
            "input_ids": [*self._before, *ids, *last, *self._after],
            "labels": self._targets.united(np.unique(rows)),
        }

    def length(self, rows: Rows) -> int:
        """Return how many tokens of these rows' texts are read, without the special ones."""
        return min(self.room, sum(len(self._ids[row]) for row in rows))


class Curriculum:
    """What each epoch goes through: every text by itself, and all comments once more, joined in another way each time.

    People write comments of several sentences, and feel several things in them; the comments of GoEmotions are short.
    And they write emoji, of which GoEmotions has few.
    """

    def __init__(self, learned: TrainingSet, joined: int, seed: int) -> None:
        """`joined`: the most comments of a joined text; 0 joins none."""
        self._comments, self._alone, self._seed = learned.comments, len(learned) - learned.emoji, seed
        self._emoji = range(self._alone, len(learned))
        # Drawn once, so that every epoch has as many steps.
        self._sizes = _sizes(learned.comments, joined, np.random.default_rng(seed)) if joined else []

    def __len__(self) -> int:
        return self._alone + len(self._sizes)

    def epoch(self, number: int) -> list[Rows]:
        """Return the examples of an epoch, the same whenever they are asked for."""
        # Of another stream than the order in which the epoch takes them.
        dice = np.random.default_rng((self._seed, number, 1))
        order = dice.permutation(self._comments).tolist()
        ends = np.cumsum(self._sizes).tolist()
        joined = [tuple(order[end - size : end]) for end, size in zip(ends, self._sizes, strict=True)]
        examples: list[Rows] = [*((row,) for row in range(self._alone)), *joined]
        for at in dice.choice(len(examples), int(WITH_EMOJI * len(examples)), replace=False) if self._emoji else ():
            emoji = (int(dice.choice(self._emoji)),) * int(dice.integers(1, 1 + _MOST_EMOJI))
            examples[at] = emoji if dice.random() < _EMOJI_ALONE else (*examples[at], *emoji)
        return examples


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
