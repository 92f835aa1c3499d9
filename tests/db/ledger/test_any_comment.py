"""Whatever a comment holds: both stores take it, and give back what they were given."""

from datetime import UTC, datetime

import numpy as np
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import delete

from moodmill.db.analytics.reads import status
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import DeadLetter
from tests.db.builders import Made, classified, probabilities, rows
from tests.texts import CLEAN, several

TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
COMMENT = st.builds(
    Comment,
    id=CLEAN.filter(bool),
    text=CLEAN,
    position=st.integers(0, 2**62),
    subreddit=st.none() | CLEAN,
    author=st.none() | CLEAN,
    created_at=st.none() | TIMES,
)
PROBABILITY = st.floats(0, 1, width=32)
LETTER = st.builds(
    DeadLetter, position=st.integers(0, 2**62), stage=st.sampled_from(["read", "classify"]), error=CLEAN, payload=CLEAN
)


@several(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    comments=st.lists(COMMENT, max_size=5, unique_by=lambda one: one.id),
    letters=st.lists(LETTER, max_size=3, unique_by=lambda one: one.position),
    drawn=st.data(),
)
def test_any_comment_comes_back_as_it_went_in(
    store: Store, comments: list[Comment], letters: list[DeadLetter], drawn: st.DataObject
) -> None:
    made = Made(store)
    with store.writing() as connection:
        connection.execute(delete(comment_emotion))
    row = st.lists(PROBABILITY, min_size=len(EMOTIONS), max_size=len(EMOTIONS))
    given_ = np.array([drawn.draw(row) for _ in comments], dtype=np.float32).reshape(-1, len(EMOTIONS))
    number = made.add(len(comments) + len(letters)).number
    made.store_chunk(number, classified(comments, given_, keep_text=True), letters)

    found = {one["comment_id"]: one for one in rows(store)}
    assert set(found) == {one.id for one in comments}
    for comment, expected in zip(comments, given_, strict=True):
        stored = found[comment.id]
        for name in ("text", "subreddit", "author", "created_at"):
            assert stored[name] == getattr(comment, name)
        np.testing.assert_array_equal(probabilities([stored])[0].astype(np.float32), expected)
    buried = {one.position: one for one in dead_letters(store, made.id)}
    assert {position: (one.error, one.payload) for position, one in buried.items()} == {
        one.position: (one.error, one.payload) for one in letters
    }
    assert status(store, made.id).classified == len(comments)
