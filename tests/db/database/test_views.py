"""The views of dashboards: on each database what numpy computes from the same matrix."""

from functools import partial
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import StoreError
from moodmill.db.database.store import Store
from moodmill.db.results.models import activate_model, known_models, register_model
from tests.db.builders import at_once, classified, comments, matrix, one_line, stored

ROWS = 40
#: Thresholds of two models, one per emotion.
THRESHOLDS = {
    "m": {name: 0.2 + 0.02 * number for number, name in enumerate(EMOTIONS)},
    "strict": {name: 0.9 + 0.002 * number for number, name in enumerate(EMOTIONS)},
}
MATRICES = {"m": matrix(ROWS, seed=3), "strict": matrix(ROWS, seed=4)}
CELLS = {
    (f"c{row}", model, name): (values[row, column], np.float32(THRESHOLDS[model][name]))
    for model, values in MATRICES.items()
    for row in range(ROWS)
    for column, name in enumerate(EMOTIONS)
}


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with the rows of two models over the same comments; the first one is shown."""
    for model, thresholds in THRESHOLDS.items():
        register_model(store, model, thresholds)
        stored(store, classified(comments(range(ROWS)), MATRICES[model], model=model))
    return store


def seen(store: Store, view: str) -> list[dict[str, Any]]:
    with store.reading() as connection:
        return [dict(row._mapping) for row in connection.execute(text(f"select * from {view}"))]


def cell(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["comment_id"], row["model"], row["emotion"]


def test_the_top_emotion_is_the_most_probable_one(filled: Store) -> None:
    found = seen(filled, "comment_top_emotion")
    assert len(found) == ROWS
    for row in found:
        values = MATRICES[row["model"]][int(row["comment_id"][1:])]
        assert row["emotion"] == EMOTIONS[values.argmax()]
        assert np.float32(row["probability"]) == values.max()


def test_of_equal_probabilities_the_first_by_name_is_the_top(store: Store) -> None:
    values = np.zeros((2, 27), dtype=np.float32)
    values[0, [5, 9, 20]] = 0.7
    register_model(store, "m", THRESHOLDS["m"])
    stored(store, classified(comments(range(2)), values))
    found = {row["comment_id"]: row["emotion"] for row in seen(store, "comment_top_emotion")}
    assert found == {"c0": EMOTIONS[5], "c1": EMOTIONS[0]}


def test_the_long_form_has_a_row_a_comment_and_emotion(filled: Store) -> None:
    found = {cell(row): row for row in seen(filled, "comment_emotion_long")}
    assert found.keys() == {key for key in CELLS if key[1] == "m"}
    for key, row in found.items():
        assert (np.float32(row["probability"]), np.float32(row["threshold"])) == CELLS[key]
        assert row["emotion_group"] == GROUP_OF[row["emotion"]]
    assert len(seen(filled, "comment_emotion_long")) == 27 * ROWS


def test_a_label_is_an_emotion_above_the_threshold_of_its_own_model(filled: Store) -> None:
    for shown in ("m", "strict", "m"):
        activate_model(filled, shown)
        found = sorted(cell(row) for row in seen(filled, "comment_label"))
        labels = [key for key, (probability, threshold) in CELLS.items() if probability > threshold]
        assert found == sorted(key for key in labels if key[1] == shown)
        assert found != []


def test_a_probability_that_is_the_threshold_is_no_label(store: Store) -> None:
    values = np.full((1, 27), 0.3, dtype=np.float32)
    values[0, 1] = np.nextafter(values[0, 1], np.float32(1))
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.3))
    stored(store, classified(comments([0]), values))
    assert [row["emotion"] for row in seen(store, "comment_label")] == [EMOTIONS[1]]


def test_every_row_says_where_its_comment_came_from(filled: Store) -> None:
    known = {comment.id: comment for comment in comments(range(ROWS))}
    views = ("comment_top_emotion", "comment_emotion_long", "comment_label")
    for row in [row for view in views for row in seen(filled, view)]:
        comment = known[row["comment_id"]]
        assert (row["source"], row["subreddit"], row["author"]) == ("dump", comment.subreddit, comment.author)


def test_views_show_the_first_model_until_another_is_marked(filled: Store) -> None:
    views = ("comment_top_emotion", "comment_emotion_long", "comment_label")
    for shown in ("m", "strict"):
        assert {row["model"] for view in views for row in seen(filled, view)} == {shown}
        activate_model(filled, "strict")


def test_a_model_that_has_never_labelled_cannot_be_shown(filled: Store) -> None:
    with pytest.raises(StoreError) as refused:
        activate_model(filled, "lax")
    assert "m, strict" in one_line(refused.value)
    assert known_models(filled) == {"m": True, "strict": False}


def test_of_models_that_come_first_together_one_is_shown(store: Store) -> None:
    names = ["a", "b", "c", "d"]
    at_once(*(partial(register_model, store, name, THRESHOLDS["m"]) for name in names))
    assert sorted(known_models(store).values()) == [False, False, False, True]
