"""Which emotions were found: shares over a run's rows, and the clearest text."""

import numpy as np
import pytest

from moodmill.db.analytics.reads import clearest_text, emotion_shares
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import Made, classified, comments, matrix, stored

THRESHOLDS = {name: 0.1 + 0.03 * number for number, name in enumerate(EMOTIONS)}


def test_shares_count_what_is_above_the_threshold_of_its_model(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    register_model(store, "strict", dict.fromkeys(EMOTIONS, 0.9))
    made = stored(store, classified(comments(range(50))))
    stored(store, classified(comments(range(50)), matrix(50, seed=1), model="strict"))
    stored(store, classified(comments(range(50, 70)), source="another dump"))
    first, second = matrix(50), matrix(50, seed=1)
    found = (first > np.array(list(THRESHOLDS.values()), dtype=np.float32)).sum(0) + (second > 0.9).sum(0)
    means = np.concatenate([first, second]).mean(0, dtype=np.float64)
    shares = emotion_shares(store, made.id)
    assert {one.emotion: one.found for one in shares} == dict(zip(EMOTIONS, found.tolist(), strict=True))
    assert {one.emotion: one.group for one in shares} == GROUP_OF
    assert [one.mean for one in shares] == pytest.approx([means[EMOTIONS.index(one.emotion)] for one in shares])
    assert shares == sorted(shares, key=lambda one: (-one.found, one.emotion))


def test_a_run_without_rows_has_no_shares_above_zero(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    shares = emotion_shares(store, Made(store).id)
    assert [(one.emotion, one.found, one.mean) for one in shares] == [(name, 0, 0.0) for name in EMOTIONS]


def test_a_mean_over_many_rows_is_as_exact_as_the_rows(store: Store) -> None:
    register_model(store, "m", THRESHOLDS)
    values = np.full((4000, 27), 0.1, dtype=np.float32)
    made = stored(store, classified(comments(range(4000)), values))
    means = [one.mean for one in emotion_shares(store, made.id)]
    assert means == [pytest.approx(float(values[0, 0]), rel=1e-7)] * 27


def test_a_probability_that_is_the_threshold_is_not_above_it(store: Store) -> None:
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.3))
    values = np.full((1, 27), 0.3, dtype=np.float32)
    values[0, 1] = np.nextafter(values[0, 1], np.float32(1))
    made = stored(store, classified(comments([0]), values))
    assert [one.emotion for one in emotion_shares(store, made.id) if one.found] == [EMOTIONS[1]]


def test_a_model_keeps_the_thresholds_it_was_registered_with(store: Store) -> None:
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.0))
    made = stored(store, classified(comments([0]), np.full((1, 27), 0.4, dtype=np.float32)))
    assert {one.found for one in emotion_shares(store, made.id)} == {0}


def test_the_clearest_text_is_the_one_of_highest_probability(store: Store) -> None:
    values = matrix(20)
    made = stored(store, classified(comments(range(20)), values, keep_text=True))
    other = stored(store, classified(comments(range(20, 40)), matrix(20) + 1, source="b", keep_text=True))
    for column, name in enumerate(EMOTIONS):
        row = int(values[:, column].argmax())
        clearest = clearest_text(store, made.id, name)
        assert clearest is not None
        assert clearest[0] == f"text {row}"
        assert clearest[1] == pytest.approx(float(values[row, column]))
    assert clearest_text(store, other.id, "joy") != clearest_text(store, made.id, "joy")


def test_there_is_no_clearest_text_where_none_was_kept(store: Store) -> None:
    made = stored(store, classified(comments(range(3))))
    assert clearest_text(store, made.id, "joy") is None


def test_the_clearest_text_is_asked_for_by_an_emotion_only(store: Store) -> None:
    with pytest.raises(ValueError, match="27 emotions"):
        clearest_text(store, "run", "neutral; drop table run")
