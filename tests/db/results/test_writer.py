"""Storing a chunk: its rows and "done" in one transaction, once."""

from functools import partial

import msgspec
import numpy as np
import pytest

from moodmill.db.analytics.reads import status
from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import RunError, StoreError
from moodmill.db.database.schema import chunk
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.results.writer import store_chunk, write_rows
from tests.db.builders import (
    Made,
    add_rows,
    at_once,
    classified,
    comments,
    letter,
    matrix,
    one_line,
    probabilities,
    rows,
    stored,
)


def test_storing_a_chunk_writes_its_rows_and_marks_it_done(store: Store) -> None:
    made = Made(store)
    made.add(3)
    assert made.store_chunk(0, classified(comments(range(3))))
    [done] = rows(store, chunk)
    assert (done["state"], done["classified"], done["new_rows"], done["error"]) == ("done", 3, 3, None)
    assert done["done_at"] is not None
    assert [row["comment_id"] for row in rows(store)] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("rows_", [2, 4])
def test_probabilities_that_are_not_one_row_a_comment_are_refused(rows_: int) -> None:
    with pytest.raises(ValueError, match="3 comments"):
        classified(comments(range(3)), matrix(rows_))


def test_probabilities_of_another_number_of_emotions_are_refused() -> None:
    with pytest.raises(ValueError, match="28"):
        classified(comments(range(3)), np.zeros((3, 28), dtype=np.float32))


def test_an_error_in_the_middle_writes_nothing(store: Store) -> None:
    made = Made(store)
    made.add(3)
    good = comments(range(3))
    nameless = classified(good, source=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)not.null"):
        made.store_chunk(0, nameless, [letter(9)])
    assert rows(store) == []
    assert dead_letters(store) == []
    assert [row["state"] for row in rows(store, chunk)] == ["pending"]
    assert made.store_chunk(0, classified(good))


def test_an_error_after_the_rows_takes_them_back(store: Store) -> None:
    made = Made(store)
    made.add(3)
    unreadable = letter(0, error=None)  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)not.null"):
        made.store_chunk(0, classified(comments(range(3))), [unreadable])
    assert rows(store) == []
    assert [row["state"] for row in rows(store, chunk)] == ["pending"]


def test_the_longest_id_there_may_be_is_stored(store: Store) -> None:
    longest = "".join(map(chr, range(0x10000, 0x10000 + MAX_ID)))  # four bytes each, and nothing to compress
    [one] = comments([0])
    model = "organisation/model@0123456789abcdef0123456789abcdef01234567"
    stored(store, classified([msgspec.structs.replace(one, id=longest)], model=model))
    assert [row["comment_id"] for row in rows(store)] == [longest]


def test_a_chunk_stored_twice_is_stored_once(store: Store) -> None:
    made = Made(store)
    made.add(3)
    assert made.store_chunk(0, classified(comments(range(3))))
    before = rows(store), rows(store, chunk)
    assert not made.store_chunk(0, classified(comments(range(9)), matrix(9, seed=1)), [letter(5)])
    assert (rows(store), rows(store, chunk)) == before
    assert dead_letters(store) == []


def test_a_chunk_stored_by_several_at_once_is_stored_once(store: Store) -> None:
    made = Made(store)
    for number in range(5):
        made.add(200)
        of = classified(comments(range(200 * number, 200 * number + 200)))
        told = at_once(*[partial(made.store_chunk, number, of)] * 4)
        assert sorted(told) == [False, False, False, True]
    assert len(rows(store)) == 1000
    assert {(row["classified"], row["new_rows"]) for row in rows(store, chunk)} == {(200, 200)}


def test_chunks_that_share_comments_are_stored_at_once_without_a_deadlock(store: Store) -> None:
    made = Made(store)
    orders = [list(range(1500)), list(range(1499, -1, -1)), list(range(0, 1500, 3)), list(range(1499, -1, -2))]
    calls = []
    for order in orders:
        added = made.add(len(order))
        calls.append(partial(made.store_chunk, added.number, classified(comments(order))))
    assert at_once(*calls) == [True] * 4
    assert len(rows(store)) == 1500
    assert sum(row["new_rows"] for row in rows(store, chunk)) == 1500


def test_a_failed_chunk_that_is_stored_after_all_is_done(store: Store) -> None:
    made = Made(store)
    made.add(1)
    made.ledger.fail(made.id, 0, "out of memory")
    assert made.store_chunk(0, classified(comments([0])))
    assert [(row["state"], row["error"]) for row in rows(store, chunk)] == [("done", None)]


def test_a_chunk_that_is_not_in_the_store_is_refused(store: Store) -> None:
    made = Made(store)
    for run_id, number in ((made.id, 7), ("20240301-abcdef", 0)):
        with pytest.raises(RunError) as refused:
            store_chunk(store, run_id, number, 0, classified(comments([0])))
        assert run_id in one_line(refused.value)
    assert rows(store) == []


def test_a_comment_twice_in_a_chunk_makes_one_row(store: Store) -> None:
    made = Made(store)
    made.add(3)
    made.store_chunk(0, classified(comments([1, 0, 1])))
    assert [row["comment_id"] for row in rows(store)] == ["c0", "c1"]
    assert [(row["classified"], row["new_rows"]) for row in rows(store, chunk)] == [(3, 2)]


def test_new_rows_counts_the_comments_that_were_not_there(store: Store) -> None:
    made, again = Made(store), Made(store)
    made.add(3)
    made.store_chunk(0, classified(comments(range(3)), matrix(3)))
    again.add(5)
    again.store_chunk(0, classified(comments(range(5)), matrix(5, seed=1)))
    now = status(store, again.id)
    assert (now.classified, now.new_rows) == (5, 2)
    np.testing.assert_array_equal(probabilities(rows(store))[:3].astype(np.float32), matrix(3))


def test_two_models_make_two_rows_of_a_comment(store: Store) -> None:
    made = Made(store)
    for number, model in enumerate(["small@1", "large@2"]):
        made.add(2)
        made.store_chunk(number, classified(comments(range(2)), matrix(2, seed=number), model=model))
    found = [(row["comment_id"], row["model"]) for row in rows(store)]
    assert found == [("c0", "large@2"), ("c0", "small@1"), ("c1", "large@2"), ("c1", "small@1")]
    np.testing.assert_array_equal(probabilities(rows(store)[1::2]).astype(np.float32), matrix(2))


def test_a_chunk_whose_comments_all_died_is_done_with_its_letters(store: Store) -> None:
    made = Made(store)
    made.add(2)
    made.store_chunk(0, classified([]), [letter(0, "NaN", "classify"), letter(1, "NaN", "classify")])
    assert rows(store) == []
    found = [(one.run, one.source, one.source_number, one.position, one.stage) for one in dead_letters(store)]
    assert found == [(made.id, "dump", 0, 0, "classify"), (made.id, "dump", 0, 1, "classify")]
    assert [(row["state"], row["classified"]) for row in rows(store, chunk)] == [("done", 0)]


def test_a_large_chunk_is_stored_whole(store: Store) -> None:
    made = Made(store)
    made.add(5000)
    of = classified(comments(range(5000)))
    made.store_chunk(0, of)
    by_id = {row["comment_id"]: row for row in rows(store)}
    found = probabilities([by_id[comment.id] for comment in of.comments])
    np.testing.assert_array_equal(found.astype(np.float32), of.probabilities)
    assert [by_id[comment.id]["tokens"] for comment in of.comments] == of.tokens.tolist()
    assert rows(store, chunk)[0]["new_rows"] == 5000


def test_a_full_disk_while_rows_go_in_is_a_store_error(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    store.prepare()

    def fill() -> None:
        with store.writing() as connection:
            connection.exec_driver_sql("pragma max_page_count = 1")
            write_rows(connection, classified(comments(range(2000))))

    with pytest.raises(StoreError) as full:
        fill()
    assert "full" in one_line(full.value)
    assert rows(store) == []
    store.close()


def test_every_emotion_goes_into_its_own_column(store: Store) -> None:
    of: Classified = classified(comments(range(27)), np.eye(27, dtype=np.float32))
    add_rows(store, of)
    found = {row["comment_id"]: row for row in rows(store)}
    for number, name in enumerate(EMOTIONS):
        assert [other for other in EMOTIONS if found[f"c{number}"][other] == 1] == [name]
