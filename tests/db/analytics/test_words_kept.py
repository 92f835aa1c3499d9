"""The index over texts stays true to the rows, whatever comes of them, and stands in nobody's way."""

import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from msgspec.structs import replace
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.sql.schema import SchemaItem

from moodmill.db.analytics.export import export_ndjson
from moodmill.db.analytics.indexes import index_emotions
from moodmill.db.analytics.retention import prune
from moodmill.db.analytics.selection import Selection
from moodmill.db.analytics.words import has_index, index_texts
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion, metadata
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.analytics.texts import add, found
from tests.db.builders import add_rows, classified, comments, rows, stored
from tests.db.database.test_store import is_here

Letters = Callable[[int], str]


@pytest.fixture
def store(table_store: Store) -> Store:
    return table_store


@pytest.fixture
def indexed(store: Store) -> Store:
    """A store with an index that was made when it held one text."""
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
    add(store, ["an old cat"])
    index_texts(store)
    return store


def test_rows_are_found_that_came_after_the_index(indexed: Store) -> None:
    add(indexed, ["a new cat", "a dog"], first=1)
    assert found(indexed, "cat") == [0, 1]
    assert found(indexed, "dog") == [2]


def test_a_month_that_is_made_later_is_indexed_too(indexed: Store) -> None:
    later = [replace(one, text="a cat of May", created_at=datetime(2024, 5, 1, tzinfo=UTC)) for one in comments([1])]
    undated = [replace(one, text="a cat of an unknown day", created_at=None) for one in comments([2])]
    assert add_rows(indexed, classified([*later, *undated], keep_text=True)) == 2
    assert found(indexed, "cat") == [0, 1, 2]
    assert found(indexed, "unknown") == [2]


def test_rows_that_come_again_are_found_once(indexed: Store) -> None:
    again = [replace(one, text=f"cat {n}") for n, one in enumerate(comments(range(3)))]
    made = stored(indexed, classified(again, keep_text=True))
    assert made.ledger.run(made.id)
    assert add_rows(indexed, classified(again, keep_text=True)) == 0
    assert found(indexed, "cat") == [0, 1, 2]
    assert found(indexed, '"cat 0"') == []  # the first text of an id stays


def test_the_rows_of_two_models_are_found_each(indexed: Store) -> None:
    add(indexed, ["an old cat"], model="other")
    assert found(indexed, "cat") == [0, 0]
    with indexed.writing() as connection:
        connection.execute(delete(comment_emotion).where(comment_emotion.c.model == "other"))
    assert found(indexed, "cat") == [0]


def test_rows_that_are_deleted_or_changed_are_not_found_by_what_they_were(indexed: Store) -> None:
    add(indexed, ["one cat", "two cats", "three dogs"], first=1)
    of = comment_emotion.c
    with indexed.writing() as connection:
        connection.execute(delete(comment_emotion).where(of.comment_id == "c1"))
        connection.execute(update(comment_emotion).where(of.comment_id == "c2").values(text="a cat and no more"))
        connection.execute(update(comment_emotion).where(of.comment_id == "c3").values(text=None))
        connection.execute(update(comment_emotion).where(of.comment_id == "c0").values(comment_id="c7"))
    assert found(indexed, "cat") == [2, 7]
    assert found(indexed, "dogs") == []
    assert found(indexed, "two") == []
    assert found(indexed, '"and no more"') == [2]


def test_pruned_rows_are_not_found(indexed: Store) -> None:
    newer = [replace(one, text="a cat of May", created_at=datetime(2024, 5, 1, tzinfo=UTC)) for one in comments([1])]
    add_rows(indexed, classified(newer, keep_text=True))
    assert prune(indexed, date(2024, 4, 1)) == 1
    assert found(indexed, "cat") == [1]
    if indexed.is_sqlite:
        with indexed.reading() as connection:
            assert connection.scalar(text("select count(*) from comment_text where comment_text match 'old'")) == 0
            assert connection.scalar(text("select count(*) from comment_text_row")) == 1


@pytest.mark.parametrize(
    "letters",
    [
        lambda n: f"{n:x}",
        lambda n: chr(0x20000 + n % 40_000) + chr(0x20000 + n // 40_000 + 5),
        lambda n: chr(0x20000 + n) * 500,
        lambda n: "x" * 5_000 + str(n),
    ],
    ids=["short words", "of few long letters", "of many long letters", "too long words"],
)
def test_a_huge_text_of_distinct_words_is_stored_and_found(indexed: Store, letters: Letters) -> None:
    huge = " ".join(map(letters, range(150_000)))[:400_000]
    add(indexed, [f"beginning {huge}"], first=1)
    assert found(indexed, "beginning") == [1]
    assert [len(row["text"]) for row in rows(indexed)] == [10, 10 + len(huge)]


def test_a_store_goes_on_without_texts(indexed: Store) -> None:
    add(indexed, ["a cat that nobody kept"], first=1, keep_text=False)
    assert found(indexed, "cat") == [0]


def test_beside_the_index_the_schema_stays_that_of_this_version(indexed: Store) -> None:
    indexed.upgrade()
    indexed.prepare()

    def is_of_schema(thing: SchemaItem, name: str, kind: str, *_: object) -> bool:
        return is_here(indexed, thing, name, kind) and not name.startswith(("comment_text", "comment_emotion_words"))

    with indexed.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_of_schema})
        assert compare_metadata(context, metadata) == []
        assert has_index(connection)


def test_other_indexes_and_exports_go_on_beside_it(indexed: Store) -> None:
    assert index_emotions(indexed, ["joy"]) == ["comment_emotion_above_joy"]
    out = io.BytesIO()
    export_ndjson(indexed, Selection(), out, lambda _: None)
    assert [json.loads(line)["text"] for line in out.getvalue().splitlines()] == ["an old cat"]


def test_rowids_that_sqlite_changes_are_not_what_is_found_by(sqlite_store: Store) -> None:
    add(sqlite_store, ["a cat", "a dog", "a mouse"])
    index_texts(sqlite_store)
    with sqlite_store.writing() as connection:
        connection.execute(delete(comment_emotion).where(comment_emotion.c.comment_id == "c0"))
        connection.execute(text("update comment_emotion set rowid = rowid - 1"))  # as a VACUUM may
    with sqlite_store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("commit")
        connection.exec_driver_sql("vacuum")
    add(sqlite_store, ["a cow"], first=3)
    assert [found(sqlite_store, words) for words in ("cat", "dog", "mouse", "cow")] == [[], [1], [2], [3]]


def test_an_index_that_is_no_longer_kept_up_to_date_is_made_anew(sqlite_store: Store) -> None:
    add(sqlite_store, ["a cat"])
    index_texts(sqlite_store)
    with sqlite_store.writing() as connection:  # as where a table is made anew
        connection.execute(text("drop trigger comment_text_added"))
    add(sqlite_store, ["a cat"], first=1)
    assert found(sqlite_store, "cat") == [0, 1]
    assert index_texts(sqlite_store) is not None
    add(sqlite_store, ["a cat"], first=2)
    with sqlite_store.reading() as connection:
        assert has_index(connection)
        assert connection.scalar(select(func.count()).select_from(text("comment_text_row"))) == 3
    assert found(sqlite_store, "cat") == [0, 1, 2]
