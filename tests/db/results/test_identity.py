"""Records of one id: the same text is one row, and another text is never lost without a word."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import ANOTHER_ID, ANOTHER_TEXT, MAX_ID, Comment, Ids, other_id, text_hash
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import (
    comment_emotion,
    dirty_period,
    rollup_day,
    rollup_subreddit_day,
    rollup_subreddit_month,
)
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import Note
from moodmill.db.results import identity
from moodmill.db.results.models import register_model
from moodmill.db.results.writer import write_rows
from tests.conftest import postgres_database
from tests.db.builders import NOON, Made, add_older_rows, add_rows, at_once, classified, letter, rows
from tests.texts import CLEAN, several

#: An id and a text.
Record = tuple[str, str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store on each database, for all tests here: to make one takes longer than most of them."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('identity') / 'moodmill.db'}"
        else:
            url = stack.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
        opened = Store(url)
        stack.callback(opened.close)
        opened.prepare()
        yield opened


@pytest.fixture
def store(opened: Store) -> Store:
    """The store, without rows; it may have runs."""
    empty(opened)
    return opened


def empty(store: Store) -> None:
    with store.writing() as connection:
        for table in (comment_emotion, dirty_period, rollup_subreddit_day, rollup_day, rollup_subreddit_month):
            connection.execute(delete(table))


def written(*records: Record, ids: Ids = "table", at: datetime | None = NOON) -> Classified:
    """Return what a model says of these records, whose texts are kept."""
    of = [Comment(id=one, text=said, position=n, created_at=at) for n, (one, said) in enumerate(records)]
    return classified(of, keep_text=True, ids=ids)


def run_of(store: Store, *chunks: Sequence[Record], ids: Ids = "table", at: datetime | None = NOON) -> RunStatus:
    """Store a run of these chunks, in this order, and return how it stands."""
    made = Made(store)
    for records in chunks:
        added = made.add(len(records))
        assert made.store_chunk(added.number, written(*records, ids=ids, at=at))
    made.ledger.close_input(made.id)
    now = status(store, made.id)
    assert now.adds_up
    return now


def kept(store: Store) -> list[Record]:
    """Return the ids and the texts of the store."""
    return sorted((row["comment_id"], row["text"]) for row in rows(store))


def numbers(now: RunStatus) -> tuple[int, int, int]:
    """Return how many records are new, labelled before, and under another id."""
    return now.new_rows, now.labelled_before, now.notes.get(ANOTHER_ID, Note(n=0)).n


def test_of_two_texts_under_reddits_own_id_the_first_stays_and_the_other_is_a_counted_skip(store: Store) -> None:
    first = run_of(store, [("a", "as it was"), ("b", "yes")], ids="reddit")
    assert (first.classified, first.skipped, numbers(first)) == (2, {}, (2, 0, 0))
    later = run_of(store, [("a", "as it was edited"), ("b", "yes"), ("c", "new")], ids="reddit")
    assert (later.classified, later.skipped, numbers(later)) == (2, {ANOTHER_TEXT: 1}, (1, 1, 0))
    assert kept(store) == [("a", "as it was"), ("b", "yes"), ("c", "new")]
    assert later.succeeded


def test_of_two_texts_under_a_tables_id_the_other_is_kept_under_the_id_and_its_hash(store: Store) -> None:
    now = run_of(store, [("1", "to the first post"), ("2", "yes")], [("1", "to the second post"), ("2", "yes")])
    other = other_id("1", "to the second post")
    assert kept(store) == [("1", "to the first post"), (other, "to the second post"), ("2", "yes")]
    assert (now.classified, now.skipped, numbers(now)) == (4, {}, (3, 1, 1))
    assert now.notes == {ANOTHER_ID: Note(n=1, example=other)}


@pytest.mark.parametrize("at", [NOON, None, datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
@pytest.mark.parametrize("ids", ["reddit", "table"])
def test_two_texts_of_one_id_within_a_chunk_are_told_apart_too(store: Store, ids: Ids, at: datetime | None) -> None:
    now = run_of(store, [("a", "one"), ("b", "else"), ("a", "two"), ("a", "one"), ("a", "two")], ids=ids, at=at)
    if ids == "reddit":
        assert kept(store) == [("a", "one"), ("b", "else")]
        assert (now.classified, now.skipped, numbers(now)) == (3, {ANOTHER_TEXT: 2}, (2, 1, 0))
    else:
        assert kept(store) == [("a", "one"), (other_id("a", "two"), "two"), ("b", "else")]
        assert (now.classified, now.skipped, numbers(now)) == (5, {}, (3, 2, 2))


def test_a_second_run_of_a_table_in_another_order_adds_nothing(store: Store) -> None:
    records = [("1", "a"), ("1", "b"), ("2", "a"), ("1", "c")]
    run_of(store, records[:2], records[2:])
    before = kept(store)
    assert numbers(run_of(store, records[::-1])) == (0, 4, 2)
    assert kept(store) == before


def test_a_chunk_that_is_stored_twice_counts_its_other_texts_once(store: Store) -> None:
    for ids, skipped, noted in (("reddit", {ANOTHER_TEXT: 1}, 0), ("table", {}, 1)):
        made = Made(store)
        of = written(("a", "one"), ("a", "two"), ids="reddit" if ids == "reddit" else "table")
        added = made.add(2)
        assert [made.store_chunk(added.number, of) for _ in range(2)] == [True, False]
        now = status(store, made.id)
        assert (now.adds_up, now.skipped, numbers(now)[2]) == (True, skipped, noted)


@pytest.mark.parametrize("ids", ["reddit", "table"])
@pytest.mark.parametrize("at", [NOON, None])
def test_a_row_from_before_texts_had_hashes_counts_as_one_of_the_same_text(
    store: Store, ids: Ids, at: datetime | None
) -> None:
    add_older_rows(store, written(("a", "nobody knows"), at=at))
    now = run_of(store, [("a", "this"), ("b", "new"), ("a", "that")], ids=ids, at=at)
    assert (now.classified, now.skipped, numbers(now)) == (3, {}, (1, 2, 0))
    assert [row["comment_id"] for row in rows(store)] == ["a", "b"]


def test_an_other_id_that_another_row_has_by_itself_is_passed_by(store: Store) -> None:
    taken = other_id("a", "two")
    records = [("a", "one"), (taken, "of its own"), ("a", "two")]
    assert numbers(run_of(store, records)) == (3, 0, 1)
    assert kept(store) == sorted([*records[:2], (other_id(taken, "two"), "two")])
    assert numbers(run_of(store, records[::-1])) == (0, 3, 1)


def test_other_times_and_other_models_of_an_id_are_rows_of_their_own(store: Store) -> None:
    add_rows(store, written(("a", "one")))
    for of in (written(("a", "two"), at=NOON + timedelta(days=40)), written(("a", "two"), at=None)):
        assert add_rows(store, of) == 1
    other_model = classified(written(("a", "two")).comments, model="other")
    assert add_rows(store, other_model) == 1
    assert {row["comment_id"] for row in rows(store)} == {"a"}


def test_another_text_in_a_replay_of_dead_letters_is_a_skip_and_the_numbers_add_up(store: Store) -> None:
    made = Made(store)
    made.add(1, dead=[letter(1)])
    made.store_chunk(0, written(("a", "one"), ids="reddit"))
    replayed = made.replay([one.id for one in dead_letters(store)])
    made.store_chunk(replayed.number, written(("a", "two"), ids="reddit"))
    now = status(store, made.id)
    assert (now.adds_up, now.read, now.classified, now.skipped, now.dead) == (True, 2, 1, {ANOTHER_TEXT: 1}, 0)


def test_roll_ups_count_the_rows_under_other_ids_and_no_skipped_ones(store: Store) -> None:
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))

    def counted() -> int:
        refresh(store)
        with store.reading() as connection:
            return int(connection.scalar(select(func.sum(rollup_day.c.comments))) or 0)

    run_of(store, [("a", "one")])
    assert counted() == 1
    run_of(store, [("a", "two")])  # nothing of the chunk goes in under its own id
    assert counted() == 2
    run_of(store, [("a", "three"), ("b", "one")], ids="reddit")
    assert counted() == 3


@pytest.mark.parametrize("ids", ["reddit", "table"])
def test_chunks_with_other_texts_of_the_same_ids_are_stored_at_once(store: Store, ids: Ids) -> None:
    made = Made(store)
    calls = []
    for said in "abcd":
        records = [(f"c{n}", said) for n in range(100)]
        added = made.add(len(records))
        calls.append(partial(made.store_chunk, added.number, written(*records, ids=ids)))
    assert at_once(*calls) == [True] * 4
    now = status(store, made.id)
    assert now.adds_up
    assert now.new_rows == (100 if ids == "reddit" else 400)
    assert (sum(now.skipped.values()), numbers(now)[2]) == ((300, 0) if ids == "reddit" else (0, 300))
    assert len(set(kept(store))) == now.new_rows


@several(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("wxyz")), min_size=1, max_size=24),
    cuts=st.sets(st.integers(1, 23), max_size=4),
    ids=st.sampled_from(["reddit", "table"]),
    at=st.sampled_from([NOON, None]),
    drawn=st.data(),
)
def test_whatever_comes_in_whatever_order_each_text_of_an_id_is_kept_or_counted(
    store: Store, records: list[Record], cuts: set[int], ids: Ids, at: datetime | None, drawn: st.DataObject
) -> None:
    empty(store)
    marks = [0, *sorted(cut for cut in cuts if cut < len(records)), len(records)]
    chunks = drawn.draw(st.permutations([records[start:stop] for start, stop in pairwise(marks)]))
    first: dict[str, str] = {}
    for one, said in (record for of in chunks for record in of):
        first.setdefault(one, said)
    others = sum(said != first[one] for one, said in records)
    distinct = len(set(records))

    for new in (True, False):
        now = run_of(store, *chunks, ids=ids, at=at)
        if ids == "reddit":
            assert dict(kept(store)) == first
            assert len(kept(store)) == len(first)
            assert (now.new_rows, sum(now.skipped.values())) == (len(first) if new else 0, others)
        else:
            assert Counter((one.split("~")[0], said) for one, said in kept(store)) == Counter(set(records))
            assert (now.new_rows, now.classified) == (distinct if new else 0, len(records))
            assert now.notes.get(ANOTHER_ID, Note(n=0)).n == others
        chunks = drawn.draw(st.permutations(chunks))


def test_nothing_is_looked_up_where_all_rows_are_new(sqlite_store: Store) -> None:
    said: list[str] = []
    with sqlite_store.writing() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(said.append)
        write_rows(connection, written(("a", "one"), ("b", "two")))
        assert not any("json_each" in one for one in said)
        write_rows(connection, written(("a", "one"), ("c", "two")))
        assert any("json_each" in one for one in said)


def test_a_lookup_reads_no_part_whole_and_only_those_of_its_months(postgres_store: Store) -> None:
    def of_month(month: int) -> Classified:
        at = datetime(2024, month, 5, tzinfo=UTC)
        return written(*((f"c{n}", "text") for n in range(600)), at=at)

    for month in (1, 2, 3):
        add_rows(postgres_store, of_month(month))
    add_rows(postgres_store, written(*((f"c{n}", "text") for n in range(600)), at=None))
    moment = datetime(2024, 2, 5, tzinfo=UTC)
    asked = {"asked": json.dumps([{"row": 0, "comment_id": "c1"}]), "model": "m"}
    dated = asked | {"first": moment, "last": moment}
    with postgres_store.writing() as connection:
        connection.execute(text("analyze comment_emotion"))
        driver = connection.connection.driver_connection
        assert driver is not None
        plans = [
            "\n".join(line for (line,) in driver.execute(f"explain {query}", given_))
            for query, given_ in ((identity._DATED, dated), (identity._UNDATED, asked))
        ]
    for plan, part in zip(plans, ("2024_02", "undated"), strict=True):
        assert "Seq Scan" not in plan
        assert f"Index Scan using comment_emotion_{part}" in plan
        assert re.findall(r" on (comment_emotion_\w+)", plan) == [f"comment_emotion_{part}"]


@given(said=CLEAN)
def test_a_hash_of_a_text_fits_the_integer_of_every_database(said: str) -> None:
    assert -(1 << 31) <= text_hash(said) < 1 << 31
    assert text_hash(said) % (1 << 32) == crc32(said.encode())


def test_an_other_id_is_no_longer_than_an_id_may_be_and_is_the_same_each_time() -> None:
    assert other_id("1_2", "a text") == other_id("1_2", "a text") == "1_2~734194ede5b0"
    long = "\U0001f63b" * MAX_ID
    others = {other_id(f"{long[:-1]}{end}", "t") for end in "ab"}
    assert len(others) == 2  # what is cut off tells them apart as before
    assert {len(one) for one in others} == {MAX_ID}
    assert all(other_id(one, "t") != one for one in others)
