"""What somebody wrote goes for good: rows of all models, dead letters, and what the roll-ups count of them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from pyarrow import parquet

from moodmill.db.analytics.erasure import ERASED, Erased, erase
from moodmill.db.analytics.reads import status
from moodmill.db.analytics.rollups import refresh, stale
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import dead_letter, rollup_day, rollup_subreddit_day, rollup_subreddit_month
from moodmill.db.database.store import Store
from moodmill.db.lake.garbage import collect
from moodmill.db.ledger.entries import DeadLetter
from moodmill.db.results.models import register_model
from tests.db.builders import Made, classified, matrix, rows, scattered, stored
from tests.db.lake.builders import lake_store

MODELS = ("m", "org/an other")
#: How one author is spelled in rows.
SPELLINGS = ("SomeBody", "somebody", "@Somebody")
NOBODY = Erased(comments=0, dead_letters=0)


def by(*authors: str | None, first: int = 0) -> list[Comment]:
    """Return comments of these authors, of different months and subreddits, some of neither."""
    of = scattered(len(authors), seed=first + 1)
    return [replace(one, author=author) for one, author in zip(of, authors, strict=True)]


def fill(store: Store, of: Sequence[Comment]) -> Store:
    """Put comments into a store by two models, and bring the roll-ups up to date."""
    for seed, model in enumerate(MODELS):
        register_model(store, model, dict.fromkeys(EMOTIONS, 0.5))
        stored(store, classified(of, matrix(len(of), seed), model=model))
    refresh(store)
    return store


def authors_left(store: Store) -> set[str | None]:
    return {row["author"] for row in rows(store)}


def letter(position: int, payload: str) -> DeadLetter:
    return DeadLetter(position=position, stage="read", error="broken", payload=payload)


def is_as_recounted(store: Store) -> bool:
    """Tell whether the roll-ups hold what the rows add up to."""
    days: dict[Any, list[Any]] = {}
    for row in rows(store):
        days.setdefault((row["model"], row["created_at"] and row["created_at"].date()), []).append(row)
    found = {(row["model"], row["day"]): row for row in rows(store, rollup_day) if row["comments"]}
    assert stale(store) == []
    assert found.keys() == days.keys()
    for key, of_day in days.items():
        assert found[key]["comments"] == len(of_day)
        exact = np.array([[row[name] for name in EMOTIONS] for row in of_day], dtype=np.float32).astype(np.float64)
        sums = [found[key][f"sum_{name}"] for name in EMOTIONS]
        np.testing.assert_allclose(sums, exact.sum(axis=0), rtol=1e-9)
    totals = {
        sum(row["comments"] for row in rows(store, table)) for table in (rollup_subreddit_day, rollup_subreddit_month)
    }
    return totals == {len(rows(store))}


@pytest.mark.parametrize("named", ["SOMEBODY", "u/SomeBody", "/u/somebody/", "@somebody"])
def test_comments_of_an_author_go_however_the_name_is_spelled(store: Store, named: str) -> None:
    fill(store, by(*SPELLINGS, "somebody2", "some", "u_somebody", None))
    assert erase(store, [named], []) == Erased(comments=2 * len(SPELLINGS), dead_letters=0)
    assert authors_left(store) == {"somebody2", "some", "u_somebody", None}
    assert len(rows(store)) == 2 * 4
    assert is_as_recounted(store)
    assert erase(store, [named], []) == NOBODY


def test_comments_go_by_their_ids_and_others_stay(store: Store) -> None:
    of = by("one", "other", None, None)
    fill(store, of)
    assert erase(store, [], [of[0].id, of[2].id, "c0", of[1].id.upper()]).comments == 4
    assert {row["comment_id"] for row in rows(store)} == {of[1].id, of[3].id}
    assert is_as_recounted(store)


def test_authors_and_comments_go_together_and_are_counted_once(store: Store) -> None:
    of = by("one", "one", "two", "three")
    fill(store, of)
    assert erase(store, ["ONE", "two"], [of[0].id, of[3].id]).comments == 8
    assert rows(store) == []
    assert is_as_recounted(store)


def test_a_row_of_an_unknown_author_stays(store: Store) -> None:
    fill(store, by(None, "one", None, ""))
    for named in ("one", "None", "null"):
        erase(store, [named], [])
    assert authors_left(store) == {None, ""}
    assert is_as_recounted(store)


@pytest.mark.parametrize("name", ["o'brien\\", "100%", "a_b", "Ünal", "*"])
def test_a_name_is_no_pattern(store: Store, name: str) -> None:
    others = ("o'brien", "100", "1000", "axb", "unal", "anybody")
    fill(store, by(name, *others))
    assert erase(store, [name], []).comments == 2
    assert authors_left(store) == set(others)


def test_nothing_is_erased_where_nobody_is_named(store: Store) -> None:
    fill(store, by("one", None))
    before, added_up = rows(store), rows(store, rollup_day)
    assert erase(store, [], []) == erase(store, ["nobody"], ["c99"]) == NOBODY
    assert rows(store) == before
    assert rows(store, rollup_day) == added_up


def test_what_came_in_since_is_erased_too(store: Store) -> None:
    fill(store, by("one", "two"))
    erase(store, ["one"], [])
    fill(store, by("one", "two", "one", first=9))
    assert erase(store, ["one"], []).comments == 4
    assert authors_left(store) == {"two"}
    assert is_as_recounted(store)


def test_files_of_a_lake_hold_nothing_of_it_once_garbage_is_collected(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        fill(store, by("one", "two"))
        erase(store, ["one"], [])
        collect(lake, timedelta())
        files = (tmp_path / "lake").rglob("*.parquet")
        found = [parquet.read_table(path).column("author").to_pylist() for path in files]
        assert found == [["two"]] * 2


def test_dead_letters_that_hold_the_author_or_the_id_go_and_the_run_adds_up(store: Store) -> None:
    letters = [
        letter(0, '{"id": "abc", "author": "SomeBody", "body": ""}'),
        letter(1, '{"id": "k2x", "author": "other"}'),
        letter(2, 'k2y,u/somebody,"a text"'),
        letter(3, '{"id": "k2z", "author": "somebody2", "body": "k2xx"}'),
        letter(4, "nothing of the kind"),
    ]
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
    made, other = Made(store), Made(store)
    made.add(2, dead=letters[:3], skipped={"deleted": 1})
    made.add(0, dead=letters[3:])
    made.store_chunk(0, classified(by("somebody", "other")))
    other.add(0, dead=letters)
    for run in (made, other):
        run.ledger.close_input(run.id)
    assert erase(store, ["somebody"], ["k2x"]) == Erased(comments=1, dead_letters=6)
    assert {row["payload"] for row in rows(store, dead_letter)} == {one.payload for one in letters[3:]}
    for run_id, skipped in ((made.id, {"deleted": 1, ERASED: 3}), (other.id, {ERASED: 3})):
        now = status(store, run_id)
        assert (now.skipped, now.dead) == (skipped, 2)
        assert now.adds_up
        assert now.finished
    erase(store, ["somebody2"], [])
    assert status(store, made.id).skipped == {"deleted": 1, ERASED: 4}
    assert status(store, made.id).adds_up


def test_a_dead_letter_of_a_word_that_only_holds_the_name_stays(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(0, '{"author": "bob-by", "id": "x-bob"}')])
    assert erase(store, ["bob", "by"], ["x"]) == NOBODY
    assert status(store, made.id).dead == 1
