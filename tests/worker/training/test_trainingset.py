"""What is learned from: comments by labels and soft labels, other texts by these alone, and nothing of dev."""

import numpy as np
import pytest

from moodmill.worker.training.labelled import Labelled
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.soft_labels import SoftLabels
from moodmill.worker.training.trainingset import TrainingSet, compose

TRAIN = Labelled(texts=["one", "two", "three"], targets=np.eye(27, dtype=np.float32)[:3])
DEV = Labelled(texts=["secret", "three"], targets=np.zeros((2, 27), dtype=np.float32))


def soft(**said: float) -> SoftLabels:
    rows = [np.full(27, probability, dtype=np.float32) for probability in said.values()]
    return SoftLabels(texts=[*said], probabilities=np.array(rows, dtype=np.float32).reshape(-1, 27))


def learned(found: TrainingSet, text: str) -> list[float]:
    """What is learned of the first two emotions."""
    first, second = found.targets.united([found.texts.index(text)])[:2]
    return [float(first), float(second)]


def test_a_comment_with_soft_labels_learns_from_both_in_their_shares() -> None:
    found = compose(Recipe(label_share=0.25), TRAIN, DEV, soft(one=0.4))
    assert learned(found, "one") == pytest.approx([0.25 + 0.75 * 0.4, 0.75 * 0.4])
    assert learned(found, "two") == [0, 1]


def test_other_texts_are_learned_from_by_their_soft_labels_alone() -> None:
    found = compose(Recipe(label_share=0.25), TRAIN, DEV, soft(other=0.4, one=0.2))
    assert found.texts == ["one", "two", "three", "other"]
    assert found.comments == 3
    assert learned(found, "other") == pytest.approx([0.4, 0.4])


def test_texts_of_dev_are_dropped_and_counted() -> None:
    found = compose(Recipe(), TRAIN, DEV, soft(secret=0.4, other=0.4))
    assert found.texts == ["one", "two", "three", "other"]
    assert found.of_dev == 1


def test_a_comment_of_train_is_learned_from_though_dev_has_its_text_too() -> None:
    found = compose(Recipe(label_share=0.0), TRAIN, DEV, soft(three=0.4))
    assert learned(found, "three") == pytest.approx([0.4, 0.4])
    assert found.of_dev == 0


def test_comments_beyond_the_limit_are_not_learned_from_by_their_soft_labels_either() -> None:
    assert compose(Recipe(limit=1), TRAIN, DEV, soft(one=0.4, two=0.4)).texts == ["one"]


def test_emoji_of_which_models_say_something_are_learned_from_where_they_are_tokens() -> None:
    said = soft(**{"😂": 0.7, "🪑": 0.1, "other": 0.1, ":)": 0.5})
    found = compose(Recipe(emoji=True), TRAIN, DEV, said)
    assert found.texts == ["one", "two", "three", "other", "😂", ":)"]
    assert (found.comments, found.emoji) == (3, 2)
    assert learned(found, "😂") == pytest.approx([0.7, 0.7])
    assert compose(Recipe(), TRAIN, DEV, said).texts == ["one", "two", "three", "other"]


def test_without_soft_labels_the_labels_are_learned() -> None:
    found = compose(Recipe(), TRAIN, DEV, soft())
    assert found.texts == TRAIN.texts
    assert np.array_equal(found.targets.labels, TRAIN.targets)
    assert learned(found, "one") == [1, 0]
