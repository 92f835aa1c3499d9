"""Joined comments: what stands for the long texts that nobody labelled.

Comments of random choice, with blanks between, carry the emotions of all of them. A joined text stands for a long one
and is not one: its comments speak of different things, and people who write much do not feel all the more.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from moodmill.worker.training.labelled import Labelled

#: Comments of a joined text.
SIZES: Final = (2, 4, 8)
#: For so many comments one text of each size is joined where calibration and thresholds are fitted on both: short texts
#: are what most people write.
COMMENTS_A_JOIN: Final = 6
#: Joined texts of each size by which a model is judged, at most: where nobody says otherwise.
_JUDGED_TEXTS: Final = 1_000


def joined(labelled: Labelled, texts: int, dice: np.random.Generator) -> dict[int, Labelled]:
    """Return so many joined texts of each of the SIZES."""
    found = {}
    for size in SIZES:
        few = len(labelled) < size
        rows = np.array([dice.choice(len(labelled), size, replace=few) for _ in range(texts)])
        merged = [" ".join(labelled.texts[row] for row in some) for some in rows]
        found[size] = Labelled(texts=merged, targets=labelled.targets[rows].max(axis=1))
    return found


def judged_texts(labelled: Labelled) -> int:
    """Return how many joined texts of each size a model is judged by where nobody says otherwise."""
    return min(_JUDGED_TEXTS, len(labelled))


def sized(labelled: Labelled, texts: int, dice: np.random.Generator) -> dict[int, Labelled]:
    """Return texts by their number of comments: all comments, and so many joined texts of each of the SIZES."""
    return {1: labelled} | joined(labelled, texts, dice)


def to_fit(labelled: Labelled, dice: np.random.Generator) -> Labelled:
    """Return what calibration and thresholds are fitted on: all comments, and joined ones."""
    return together([*sized(labelled, max(1, len(labelled) // COMMENTS_A_JOIN), dice).values()])


def together(parts: Sequence[Labelled]) -> Labelled:
    return Labelled(
        texts=[text for part in parts for text in part.texts], targets=np.concatenate([part.targets for part in parts])
    )


def halvings(labelled: Labelled, count: int, seed: int = 0) -> Iterator[tuple[Labelled, Labelled]]:
    """Yield two halves, so many times, each pair in both orders: what is fitted on one is judged on the other."""
    dice = np.random.default_rng(seed)
    for _ in range(count):
        one, other = (labelled.take(rows) for rows in np.array_split(dice.permutation(len(labelled)), 2))
        yield one, other
        yield other, one
