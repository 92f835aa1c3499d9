"""Comments that have a row already are known without the model, and count as if it had been asked."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.analytics.words import index_texts
from moodmill.db.core.comment import ANOTHER_ID, ANOTHER_TEXT, Comment, Ids, other_id
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import PRECISIONS, Engine
from moodmill.db.core.unsupported import Reason
from moodmill.db.database.schema import chunk, comment_emotion, dirty_period
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Note
from moodmill.db.results.known import find_known
from tests.db.builders import NOON, Made, add_older_rows, add_rows, at_once, classified, matrix, rows
from tests.texts import several

#: An id and a text.
Record = tuple[str, str]


def comments_of(*records: Record, at: datetime | None = NOON) -> list[Comment]:
    return [Comment(id=one, text=said, position=n, created_at=at) for n, (one, said) in enumerate(records)]


def known_of(store: Store, *records: Record, ids: Ids = "table", at: datetime | None = NOON) -> dict[int, str]:
    """Return the ids of the rows of those of the records that are known, by their places."""
    found = find_known(store, "m", comments_of(*records, at=at), ids)
    return {place: one.comment.id for place, one in found.items()}


def run_of(
    store: Store,
    *chunks: Sequence[Record],
    ids: Ids = "table",
    at: datetime | None = NOON,
    keep_text: bool = False,
    asks_store: bool = True,
    unsupported: Reason | None = None,
) -> RunStatus:
    """Store a run of these chunks as a worker does, or as one that classifies all, and return how it stands."""
    made = Made(store)
    for records in chunks:
        added = made.add(len(records))
        found = find_known(store, "m", comments_of(*records, at=at), ids) if asks_store else {}
        rest = [comment for place, comment in enumerate(comments_of(*records, at=at)) if place not in found]
        reasons = [unsupported] * len(rest)
        of = classified(rest, keep_text=keep_text, ids=ids, unsupported=reasons)
        assert made.store_chunk(added.number, of, known=[*found.values()])
    made.ledger.close_input(made.id)
    now = status(store, made.id)
    assert now.adds_up
    return now


def numbers(now: RunStatus) -> dict[str, Any]:
    return {"classified": now.classified, "new": now.new_rows, "skipped": now.skipped, "notes": now.notes}


def texts(store: Store) -> dict[str, str | None]:
    return {row["comment_id"]: row["text"] for row in rows(store)}


@pytest.mark.parametrize("at", [NOON, None])
def test_the_same_id_and_text_are_known_and_another_text_is_not(store: Store, at: datetime | None) -> None:
    run_of(store, [("a", "one"), ("b", "two")], at=at)
    asked = (("a", "one"), ("b", "edited"), ("c", "new"))
    assert known_of(store, *asked, at=at) == {0: "a"}
    assert known_of(store, *asked, ids="reddit", at=at) == {0: "a"}


def test_another_time_and_another_model_are_not_known(store: Store) -> None:
    run_of(store, [("a", "one")])
    assert known_of(store, ("a", "one"), at=None) == {}
    assert find_known(store, "other", comments_of(("a", "one")), "reddit") == {}


def test_a_text_that_a_table_has_under_another_id_is_known_there(store: Store) -> None:
    taken = other_id("a", "two")
    records = [("a", "one"), (taken, "of its own"), ("a", "two"), ("a", "three")]
    run_of(store, records)
    wanted = {0: "a", 1: taken, 2: other_id(taken, "two"), 3: other_id("a", "three")}
    assert known_of(store, *records) == wanted
    assert known_of(store, *records, ids="reddit") == {0: "a", 1: taken}, "Reddit's own ids have no others"


def test_a_row_from_before_texts_had_hashes_is_known_and_gets_no_text(store: Store) -> None:
    add_older_rows(store, classified(comments_of(("a", "nobody knows"))))
    now = run_of(store, [("a", "this")], keep_text=True)
    assert (now.classified, now.new_rows) == (1, 0)
    assert texts(store) == {"a": None}


def test_known_comments_are_counted_with_what_their_rows_say_and_make_no_day_dirty(store: Store) -> None:
    first = run_of(store, [("a", "one"), ("b", "two"), ("a", "three")], unsupported="language")
    with store.writing() as connection:
        connection.execute(delete(dirty_period))
    again = run_of(store, [("a", "one"), ("b", "two"), ("a", "three")])
    assert (again.classified, again.new_rows, again.labelled_before) == (3, 0, 3)
    assert again.notes == first.notes
    assert again.notes["unsupported language"] == Note(n=3)
    assert again.notes[ANOTHER_ID] == Note(n=1, example=other_id("a", "three"))
    assert rows(store, dirty_period) == []


def test_a_chunk_of_known_comments_that_comes_twice_is_counted_once(store: Store) -> None:
    run_of(store, [("a", "one")])
    made = Made(store)
    made.add(1)
    found = [*find_known(store, "m", comments_of(("a", "one")), "reddit").values()]
    assert [made.store_chunk(0, classified([]), known=found) for _ in range(2)] == [True, False]
    now = status(store, made.id)
    assert (now.classified, now.new_rows) == (1, 0)


@pytest.mark.parametrize("at", [NOON, None])
def test_texts_that_were_not_kept_are_filled_in_and_kept_ones_stay(store: Store, at: datetime | None) -> None:
    records = [("a", "one"), ("a", "two"), ("b", "three")]
    run_of(store, records, at=at)
    assert set(texts(store).values()) == {None}
    before = rows(store)
    now = run_of(store, [("b", "edited"), *records[:2]], at=at, keep_text=True, ids="table")
    assert (now.classified, now.new_rows) == (3, 1)
    wanted = {"a": "one", other_id("a", "two"): "two", "b": None, other_id("b", "edited"): "edited"}
    assert texts(store) == wanted
    others = {name: row for row in rows(store) if (name := row["comment_id"]) in {one["comment_id"] for one in before}}
    for row in before:
        assert {**others[row["comment_id"]], "text": None} == row, "a text is all that is added"
    run_of(store, records, at=at)
    assert texts(store)["a"] == "one", "who keeps no text takes none away"


def test_a_full_text_index_knows_the_texts_that_are_filled_in(sqlite_store: Store) -> None:
    run_of(sqlite_store, [("a", "a marvellous word")])
    index_texts(sqlite_store)
    run_of(sqlite_store, [("a", "a marvellous word")], keep_text=True)
    with sqlite_store.reading() as connection:
        found = text("select count(*) from comment_text where comment_text match 'marvellous'")
        assert connection.scalar(found) == 1


def test_chunks_with_the_same_known_comments_fill_in_their_texts_at_once(store: Store) -> None:
    records = [(f"c{n}", "text") for n in range(300)]
    run_of(store, records)
    made = Made(store)
    calls = []
    for asked in (records, records[::-1], records[::2], records[::-3]):
        found = [*find_known(store, "m", comments_of(*asked), "reddit").values()]
        added = made.add(len(asked))
        calls.append(partial(made.store_chunk, added.number, classified([], keep_text=True), known=found))
    assert at_once(*calls) == [True] * 4
    assert set(texts(store).values()) == {"text"}


def test_a_row_of_another_precision_or_of_nobody_knows_which_is_known_only_where_none_is_asked_for(
    store: Store,
) -> None:
    add_rows(store, classified(comments_of(("a", "one")), engine=Engine("openvino", "bf16")))
    add_older_rows(store, classified(comments_of(("b", "two"))))
    asked = comments_of(("a", "one"), ("b", "two"))
    found = {precision: set(find_known(store, "m", asked, "reddit", precision)) for precision in PRECISIONS}
    assert found == {"auto": {0, 1}, "fp32": set(), "bf16": {0}, "int8": set()}


@pytest.mark.parametrize("at", [NOON, None])
def test_where_a_precision_is_asked_for_rows_of_others_are_replaced_and_their_texts_stay(
    store: Store, at: datetime | None
) -> None:
    # given rows of a table that another precision made, one of which is under another id, and one of an older version
    records = [("a", "one"), ("a", "two"), ("b", "three"), ("c", "four")]
    run_of(store, records, at=at, keep_text=True)
    with store.writing() as connection:
        connection.execute(update(comment_emotion).where(comment_emotion.c.comment_id == "b").values(engine=None))
        connection.execute(update(comment_emotion).where(comment_emotion.c.comment_id == "c").values(text=None))
        connection.execute(delete(dirty_period))
    before = {row["comment_id"]: row for row in rows(store)}

    def label(*records: Record, keep_text: bool = False) -> RunStatus:
        made = Made(store)
        made.add(len(records))
        of = classified(
            comments_of(*records, at=at),
            matrix(len(records), seed=5),
            keep_text=keep_text,
            ids="table",
            engine=Engine("torch", "bf16"),
            replaces=True,
            source="again",
        )
        assert made.store_chunk(0, of)
        return status(store, made.id)

    # when
    now = label(*records, keep_text=True)

    # then they have the new values and all else as it was, and are no new rows; their day is behind
    assert (now.classified, now.new_rows, now.adds_up) == (4, 0, True)
    after = {row["comment_id"]: row for row in rows(store)}
    new = matrix(4, seed=5)
    for place, name in enumerate(["a", other_id("a", "two"), "b", "c"]):
        assert [np.float32(after[name][emotion]) for emotion in EMOTIONS] == list(new[place])
        assert (after[name]["engine"], after[name]["tokens"]) == ("torch bf16", 3 + place)
        same = ("source", "subreddit", "author", "created_at", "text_hash")
        assert [after[name][one] for one in same] == [before[name][one] for one in same]
    texts_ = {name: row["text"] for name, row in after.items()}
    assert texts_ == {"a": "one", other_id("a", "two"): "two", "b": "three", "c": "four"}
    assert {row["start"] for row in rows(store, dirty_period)} == {None if at is None else at.date()}

    # and one of the same precision is not, nor is one of another text
    with store.writing() as connection:
        connection.execute(delete(dirty_period))
        connection.execute(update(comment_emotion).values(engine="openvino bf16"))
        connection.execute(update(comment_emotion).where(comment_emotion.c.comment_id == "b").values(engine=None))
    kept = rows(store)
    assert label(*records[:2]).new_rows == 0
    assert (rows(store), rows(store, dirty_period)) == (kept, [])
    assert label(("b", "edited")).new_rows == 1
    assert [row for row in rows(store) if row["comment_id"] != other_id("b", "edited")] == kept


def test_chunks_that_replace_the_same_rows_at_once_end_with_them_whole(store: Store) -> None:
    records = [(f"c{n}", "text") for n in range(300)]
    run_of(store, records)
    made = Made(store)
    calls = []
    for seed, asked in enumerate((records, records[::-1], records[::2], records[::-3])):
        added = made.add(len(asked))
        values = matrix(len(asked), seed=seed)
        of = classified(comments_of(*asked), values, engine=Engine("torch", "bf16"), replaces=True)
        calls.append(partial(made.store_chunk, added.number, of))
    assert at_once(*calls) == [True] * 4
    assert {row["engine"] for row in rows(store)} == {"torch bf16"}
    assert sum(row["new_rows"] for row in rows(store, chunk)) == 300


@several(15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("wxyz")), min_size=1, max_size=24),
    cuts=st.sets(st.integers(1, 23), max_size=4),
    ids=st.sampled_from(["reddit", "table"]),
    at=st.sampled_from([NOON, None]),
    drawn=st.data(),
)
def test_whatever_is_known_the_rows_and_the_numbers_are_those_of_a_worker_that_classifies_all(
    store: Store, records: list[Record], cuts: set[int], ids: Ids, at: datetime | None, drawn: st.DataObject
) -> None:
    marks = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    chunks = [records[start:stop] for start, stop in pairwise(marks)]
    runs = [chunks, drawn.draw(st.permutations(chunks)), drawn.draw(st.permutations(chunks))]
    came = []
    for asks_store in (False, True):
        with store.writing() as connection:
            connection.execute(delete(comment_emotion))
        counted = [numbers(run_of(store, *run, ids=ids, at=at, asks_store=asks_store)) for run in runs]
        came.append((counted, sorted((row["comment_id"], row["text_hash"]) for row in rows(store))))
    assert came[0] == came[1]
    known = known_of(store, *records, ids=ids, at=at)
    skipped = came[0][0][-1]["skipped"].get(ANOTHER_TEXT, 0)
    assert len(known) == len(records) - skipped, "all that has a row is known the second time"
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(comment_emotion)) == len(came[0][1])
