"""A chunk whose records another run has done by the same model is known to a lake as a whole, or not at all."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from moodmill.db.analytics.erasure import erase
from moodmill.db.analytics.reads import status
from moodmill.db.analytics.retention import prune
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.unsupported import Reason
from moodmill.db.database.schema import chunk, dead_letter, source
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import Lake
from moodmill.db.ledger.entries import DeadLetter, Note
from moodmill.db.results.known import KnownComment, find_known
from moodmill.db.results.models import register_model
from tests.db.builders import ENGINE, Made, classified, comments, letter, rows
from tests.db.lake.builders import files_of, lake_store

#: Comments of a chunk.
N = 3


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with lake_store(tmp_path) as (store, found):
        register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
        yield found


@pytest.fixture
def store(lake: Lake) -> Store:
    return lake.store


def begun(
    store: Store, model: str | None = "m", chunks: int = 1, sources: tuple[str, ...] = ("dump",), **options: Any
) -> Made:
    """Return a run of chunks over a file, which a worker has begun."""
    made = Made(store, sources, **options)
    for _ in range(chunks):
        number = made.add(N).number
        made.ledger.begin(made.id, number, "worker", ENGINE, "auto", model)
    return made


def done(made: Made, number: int = 0, model: str = "m", unsupported: Reason | None = None) -> Made:
    """Have a worker finish a chunk that it classified."""
    assert made.store_chunk(number, classified(comments(range(N)), model=model, unsupported=[unsupported] * N))
    return made


def known_of(made: Made, number: int = 0, model: str = "m") -> dict[int, KnownComment]:
    return find_known(made.store, model, comments(range(N)), "reddit", "auto", (made.id, number))


def test_all_comments_of_a_chunk_are_known_that_another_run_has_done(store: Store) -> None:
    done(begun(store))
    found = known_of(begun(store))
    assert [*found] == [0, 1, 2]
    assert [one.comment for one in found.values()] == comments(range(N))


def test_a_chunk_whose_rows_another_engine_may_have_replaced_since_is_not_known(store: Store) -> None:
    done(begun(store, precision="fp32"))
    assert len(known_of(begun(store, precision="fp32"))) == N
    between = Made(store, precision="int8")
    between.ledger.begin(between.id, between.add(N).number, "worker", Engine("openvino", "int8"), "auto", "m")
    done(between)
    assert known_of(begun(store, precision="fp32")) == {}


def test_comments_that_are_of_no_chunk_are_not_known(store: Store) -> None:
    done(begun(store))
    assert find_known(store, "m", comments(range(N)), "reddit") == {}


def test_each_chunk_has_its_own_twin(store: Store) -> None:
    done(done(begun(store, chunks=3)), 2)
    again = begun(store, chunks=4)
    assert [len(known_of(again, number)) for number in range(4)] == [N, 0, N, 0]


def test_files_of_a_run_are_told_apart(store: Store) -> None:
    done(begun(store, sources=("one", "two")))
    assert len(known_of(begun(store, sources=("one", "two")))) == N
    assert len(known_of(begun(store, sources=("one",)))) == N
    assert known_of(begun(store, sources=("two", "one"))) == {}


def test_a_chunk_is_no_twin_of_itself_or_of_what_is_not_done(store: Store) -> None:
    made = done(begun(store, chunks=2))
    assert known_of(made) == known_of(made, 1) == {}
    assert known_of(begun(store, chunks=2), 1) == {}


@pytest.mark.parametrize("options", [{"keep_text": True}, {"min_chars": 3}])
def test_other_options_are_another_run(store: Store, options: Mapping[str, Any]) -> None:
    done(begun(store))
    done(begun(store, **options))
    assert known_of(begun(store, **options, more=1)) == {}
    assert len(known_of(begun(store, **options))) == N


@pytest.mark.parametrize("column", ["fingerprint", "size", "name"])
def test_a_file_that_changed_is_another(store: Store, column: str) -> None:
    made = done(begun(store))
    with store.writing() as connection:
        changed: dict[str, Any] = {column: 7 if column == "size" else "another"}
        connection.execute(update(source).where(source.c.run_id == made.id).values(changed))
    assert known_of(begun(store)) == {}


@pytest.mark.parametrize("column", ["first", "stop", "comments", "number", "replay"])
def test_other_records_are_another_chunk(store: Store, column: str) -> None:
    made = done(begun(store))
    with store.writing() as connection:
        changed: dict[str, Any] = {column: chunk.c[column] + 1 if column != "replay" else True}
        connection.execute(update(chunk).where(chunk.c.run_id == made.id).values(changed))
    assert known_of(begun(store)) == {}


def test_another_model_knows_nothing(store: Store) -> None:
    done(begun(store))
    assert known_of(begun(store), model="n") == {}
    done(begun(store, model="n"), model="n")
    assert len(known_of(begun(store, model="n"), model="n")) == N


def test_a_run_of_two_models_or_of_a_model_that_nobody_named_has_no_twins(store: Store) -> None:
    made = begun(store, chunks=2)
    made.ledger.begin(made.id, 1, "another", ENGINE, "auto", "n")
    done(done(made), 1, model="n")
    done(begun(store, model=None))
    again = begun(store, chunks=2)
    assert [known_of(again, number, model) for number in (0, 1) for model in ("m", "n")] == [{}] * 4


def test_the_model_of_a_run_stays_while_it_goes_on(store: Store) -> None:
    made = begun(store, chunks=2)
    made.ledger.begin(made.id, 1, "another", ENGINE, "auto", "m")
    done(done(made), 1)
    again = begun(store, chunks=2)
    assert len(known_of(again)) == len(known_of(again, 1)) == N


@pytest.mark.parametrize(("stage", "is_known"), [("classify", False), ("read", True)])
def test_a_chunk_of_which_a_comment_died_has_to_be_classified_again(store: Store, stage: str, is_known: bool) -> None:
    if stage == "read":  # which is no comment, and dead in the other run as well
        runs = [Made(store), Made(store)]
        for made in runs:
            made.add(N, dead=[letter(N)])
            made.ledger.begin(made.id, 0, "worker", ENGINE, "auto", "m")
        done(runs[0])
    else:
        runs = [begun(store), begun(store)]
        assert runs[0].store_chunk(0, classified(comments(range(N - 1))), [letter(N - 1, "NaN", "classify")])
    assert bool(known_of(runs[1])) is is_known


def test_a_chunk_is_no_twin_that_was_done_in_part_though_its_dead_letters_are_gone(store: Store) -> None:
    made = begun(store)
    dead = DeadLetter(position=2, stage="classify", error="NaN", payload='{"author": "a2"}')
    assert made.store_chunk(0, classified(comments(range(N - 1))), [dead])
    replay = made.replay([row["id"] for row in rows(store, dead_letter)])
    assert made.store_chunk(replay.number, classified(comments([2])))
    assert len(rows(store)) == N
    assert known_of(begun(store)) == {}


@pytest.mark.parametrize("how", ["prune", "erase"])
def test_what_was_done_before_rows_went_has_no_twins(store: Store, how: str) -> None:
    done(begun(store))
    under_way = begun(store)
    if how == "prune":
        prune(store, date(2024, 4, 1))
    else:
        erase(store, ["a1"], [])
    assert known_of(under_way) == {}
    assert known_of(begun(store)) == {}
    done(begun(store))
    assert len(rows(store)) == N
    assert len(known_of(begun(store))) == N


def test_a_known_chunk_adds_no_file_and_counts_as_classified_before(store: Store, lake: Lake) -> None:
    done(begun(store), unsupported="language")
    before, found = files_of(lake), rows(store)
    made = begun(store)
    known = [*known_of(made).values()]
    assert made.store_chunk(0, classified([]), known=known)
    assert not made.store_chunk(0, classified([]), known=known)
    made.ledger.close_input(made.id)
    now = status(store, made.id)
    assert (now.classified, now.new_rows, now.labelled_before) == (N, 0, N)
    assert now.notes == {"unsupported language": Note(n=N)}
    assert now.succeeded
    assert files_of(lake) == before
    assert rows(store) == found


def test_notes_of_reading_are_not_copied(store: Store) -> None:
    runs = [Made(store), Made(store)]
    for made in runs:
        made.add(N, notes={"no author": Note(n=1, example="c0")})
        made.ledger.begin(made.id, 0, "worker", ENGINE, "auto", "m")
    done(runs[0], unsupported="tokens")
    assert runs[1].store_chunk(0, classified([]), known=[*known_of(runs[1]).values()])
    notes = {"no author": Note(n=1, example="c0"), "unsupported tokens": Note(n=N)}
    assert [status(store, made.id).notes for made in runs] == [notes, notes]


def test_a_chunk_that_was_known_is_a_twin_itself(store: Store) -> None:
    first = done(begun(store), unsupported="language")
    second = begun(store)
    assert second.store_chunk(0, classified([]), known=[*known_of(second).values()])
    with store.writing() as connection:
        connection.execute(update(source).where(source.c.run_id == first.id).values(fingerprint="changed"))
    third = begun(store)
    assert third.store_chunk(0, classified([]), known=[*known_of(third).values()])
    assert status(store, third.id).notes == {"unsupported language": Note(n=N)}
