"""Texts that the model was not made for: rows, views and exports say so, runs count them, and none is an example."""

import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from moodmill.db.analytics.backlog import runs_under_way
from moodmill.db.analytics.export import export_ndjson
from moodmill.db.analytics.reads import clearest_text, emotion_shares, status
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.selection import Selection
from moodmill.db.analytics.summary import summarize
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.unsupported import REASONS, Reason
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import Made, classified, comments, matrix, rows, stored

ROWS = 8
#: Every second comment is of none, and these have the highest probabilities.
GIVEN: list[Reason | None] = ["language", None, "tokens", None, "language", None, "language", None]
VALUES = matrix(ROWS) * 0.5 + np.array([0.0 if reason is None else 0.5 for reason in GIVEN], np.float32)[:, None]
COUNTED = {"language": 3, "tokens": 1}


@pytest.fixture
def made(store: Store) -> Made:
    """A run that is done, of a store whose roll-ups are up to date."""
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.25))
    run = stored(store, classified(comments(range(ROWS)), VALUES, keep_text=True, unsupported=GIVEN))
    refresh(store)
    return run


def test_a_row_says_why(made: Made) -> None:
    assert [row["unsupported"] for row in rows(made.store)] == GIVEN


def test_a_run_counts_its_own_once_and_none_that_got_no_row(store: Store) -> None:
    made = Made(store)
    of = classified(comments(range(ROWS)), unsupported=GIVEN)
    [another] = comments([0])
    for chunk in (made.add(ROWS), made.add(1)):
        made.store_chunk(chunk.number, of)
        made.store_chunk(chunk.number, of)
        of = classified([replace(another, text="another text")], unsupported=["language"])
    found = status(store, made.id)
    assert {kind: note.n for kind, note in found.notes.items()} == {
        f"unsupported {one}": COUNTED[one] for one in REASONS
    }
    assert found.adds_up
    [pace] = runs_under_way(store, datetime.now(UTC))
    assert (pace.classified, pace.unsupported) == (ROWS, 4)


@pytest.mark.parametrize(("view", "each"), [("comment_top_emotion", 1), ("comment_emotion_long", 27)])
def test_a_view_of_comments_has_it_as_its_last_column(made: Made, view: str, each: int) -> None:
    with made.store.reading() as connection:
        found = connection.execute(text(f"select * from {view} order by comment_id")).all()
        supported = connection.scalar(text(f"select count(*) from {view} where unsupported is null"))
    assert [row[-1] for row in found] == [reason for reason in GIVEN for _ in range(each)]
    assert supported == 4 * each


def test_the_roll_ups_count_all_and_a_portrait_says_how_many_are_not_supported(made: Made) -> None:
    summary = summarize(made.store, Scope(model="m"))
    assert (summary.facts.comments, summary.facts.counted) == (ROWS, ROWS)
    assert summary.unsupported == summary.as_json()["unsupported"] == COUNTED
    assert summarize(made.store, Scope(model="m", subreddits=frozenset({"test"}))).unsupported == COUNTED
    assert sum(one.found for one in emotion_shares(made.store, made.id)) == int((np.float32(0.25) < VALUES).sum())


def test_none_is_shown_as_an_example(made: Made) -> None:
    supported = [f"text {row}" for row, reason in enumerate(GIVEN) if reason is None]
    examples = summarize(made.store, Scope(model="m"), examples=ROWS).examples
    for emotion in EMOTIONS:
        assert sorted(examples[emotion].column("text")) == supported
        clearest = clearest_text(made.store, made.id, emotion)
        assert clearest is not None
        assert clearest[0] == examples[emotion].column("text")[0]


@pytest.mark.parametrize("supported_only", [False, True])
def test_an_export_has_all_or_only_what_is_supported(made: Made, supported_only: bool) -> None:
    out = io.BytesIO()
    export_ndjson(made.store, Selection(supported_only=supported_only), out, lambda _: None)
    found = [json.loads(line)["unsupported"] for line in out.getvalue().splitlines()]
    assert found == ([None] * 4 if supported_only else GIVEN)
