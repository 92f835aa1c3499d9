"""Folds share out the texts of train, and what a fold leaves out is not learned from."""

import numpy as np
import pytest

from moodmill.db.core.errors import SettingError
from moodmill.worker.training.labelled import Labelled
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.soft_labels import SoftLabels
from moodmill.worker.training.trainingset import chosen, compose

TEXTS = [str(number % 100) for number in range(130)]
TRAIN = Labelled(texts=TEXTS, targets=np.arange(130 * 27, dtype=np.float32).reshape(130, 27))


def left_out(fold: str, seed: int = 7) -> set[str]:
    return set(TEXTS) - set(chosen(Recipe(fold=fold, seed=seed), TRAIN).texts)


def test_folds_share_out_all_texts_and_equal_ones_are_in_one() -> None:
    folds = [left_out(f"{number}/4") for number in (1, 2, 3, 4)]
    assert [len(one) for one in folds] == [25] * 4
    assert set.union(*folds) == set(TEXTS)


def test_a_seed_draws_the_same_folds_each_time_and_another_one_other_folds() -> None:
    assert left_out("1/4") == left_out("1/4")
    assert left_out("1/4") != left_out("1/4", seed=8)


def test_the_other_comments_keep_their_order_and_their_labels() -> None:
    kept = chosen(Recipe(fold="1/4"), TRAIN)
    rows = [row for row, text in enumerate(TEXTS) if text not in left_out("1/4")]
    assert kept.texts == [TEXTS[row] for row in rows]
    assert np.array_equal(kept.targets, TRAIN.targets[rows])


def test_what_is_left_out_is_not_learned_from_by_soft_labels_either() -> None:
    soft = SoftLabels(texts=[*dict.fromkeys(TEXTS)], probabilities=np.full((100, 27), 0.5, dtype=np.float32))
    nothing = Labelled(texts=[], targets=np.zeros((0, 27), dtype=np.float32))
    assert len(set(compose(Recipe(fold="1/4"), TRAIN, nothing, soft).texts)) == 75


@pytest.mark.parametrize("fold", ["0/4", "5/4", "1/1", "1", "1/x", "", "1/2/3", "-1/4"])
def test_what_is_no_fold_is_refused(fold: str) -> None:
    with pytest.raises(SettingError, match=f"fold is {fold}: expected a number of how many"):
        Recipe(fold=fold)
