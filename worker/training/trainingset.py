"""What a training learns from: comments of train, and texts that only models know.

Dev is to judge what comes of the training: no text of it is learned from unless it is a comment of train, too.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from moodmill.worker.training.emoji import symbols
from moodmill.worker.training.folds import Fold
from moodmill.worker.training.labelled import Labelled
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.soft_labels import SoftLabels
from moodmill.worker.training.targets import Targets

#: Probability of some emotion from which on an emoji is learned: below, models do not know what it means.
TELLING: Final = 0.25


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """n texts: comments of train, then texts without labels, then emoji."""

    texts: list[str]
    targets: Targets
    comments: int
    emoji: int
    #: Texts of dev, and not of train, that had soft labels, and were dropped.
    of_dev: int

    def __len__(self) -> int:
        return len(self.texts)


def chosen(recipe: Recipe, train: Labelled) -> Labelled:
    """Return the comments of train that a recipe learns from: its first `limit`, without its fold."""
    train = train.first(recipe.limit or len(train))
    if recipe.fold is None:
        return train
    left_out = Fold.parse(recipe.fold).of_texts(train.texts, recipe.seed)
    rows = [row for row, text in enumerate(train.texts) if text not in left_out]
    return Labelled(texts=[train.texts[row] for row in rows], targets=train.targets[rows])


def compose(recipe: Recipe, train: Labelled, dev: Labelled, soft: SoftLabels) -> TrainingSet:
    """Put together what a recipe learns from, of all of train, dev and soft labels.

    Comments that the recipe leaves out of train are not learned from by their soft labels either.
    """
    comments = chosen(recipe, train)
    at = {text: row for row, text in enumerate(soft.texts)}
    labels = comments.targets.copy()
    distilled = labels.copy()
    known = [(row, at[text]) for row, text in enumerate(comments.texts) if text in at]
    if known:
        rows, answers = np.array(known).T
        distilled[rows] = soft.probabilities[answers]
    # Soft labels of emoji are those of their words: the emoji by themselves are no texts of anybody.
    emoji = [row for text, row in at.items() if text in symbols() and soft.probabilities[row].max() > TELLING]
    beyond_train = at.keys() - set(train.texts) - symbols().keys()
    of_dev = beyond_train & set(dev.texts)
    unlabelled = beyond_train - of_dev
    others = [row for text, row in at.items() if text in unlabelled]
    beyond = [*others, *emoji] if recipe.emoji else others
    return TrainingSet(
        texts=[*comments.texts, *(soft.texts[row] for row in beyond)],
        targets=Targets(
            labels=np.concatenate([labels, soft.probabilities[beyond]]),
            soft=np.concatenate([distilled, soft.probabilities[beyond]]),
            label_share=recipe.label_share,
        ),
        comments=len(comments),
        emoji=len(beyond) - len(others),
        of_dev=len(of_dev),
    )
