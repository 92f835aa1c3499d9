"""Dead letters that become comments again, and what that does to the numbers of their run."""

import json
from pathlib import Path

import msgspec
import numpy as np

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.filters import Filters
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters, unclassified
from moodmill.db.ledger.entries import DeadLetter, RecordRange
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.writer import store_chunk
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.replay import letters_in_replay, open_replay
from moodmill.producers.sources import open_source
from moodmill.producers.sources.record import Bad, Parsed
from tests.db.builders import ENGINE

MENDED = json.dumps({"id": "mended", "body": "a text that can be read now"})
SHORT = json.dumps({"id": "short", "body": "no"})


def store_all(store: Store, run: str, number: int, comments: list[Comment]) -> None:
    """What a worker does with a chunk, with a model that says 0.5 to everything."""
    n = len(comments)
    classified = Classified(
        comments=comments,
        probabilities=np.full((n, len(EMOTIONS)), 0.5, dtype=np.float32),
        tokens=np.full(n, 3, dtype=np.int32),
        truncated=np.zeros(n, dtype=np.bool_),
        segments=np.ones(n, dtype=np.int32),
        unsupported=[None] * n,
        model="m",
        engine=ENGINE,
        source="RC_x",
    )
    assert store_chunk(store, run, number, 0, classified)


def dead_run(store: Store, tmp_path: Path) -> str:
    """A finished run of four records, all dead: one in the model, one still broken, two that can be read now."""
    (tmp_path / "RC_x").write_text(f"{MENDED}\n")
    run = open_run(store, [tmp_path / "RC_x"], RunOptions(filters=Filters(min_length=5)))
    comment = msgspec.json.encode(Comment(id="failed", text="a text that failed", position=0)).decode()
    dead = [
        DeadLetter(position=0, stage="classify", error="RuntimeError: no", payload=comment),
        DeadLetter(position=1, stage="read", error="expected JSON", payload='{"broken": '),
        DeadLetter(position=2, stage="read", error="expected JSON", payload=MENDED),
        DeadLetter(position=3, stage="read", error="expected JSON", payload=SHORT),
    ]
    ledger = Ledger(store)
    ledger.add_chunk(run, 0, 0, RecordRange(first=0, stop=4, records=4, dead=dead))
    ledger.end_source(run, 0)
    ledger.close_input(run)
    return run


def counts(found: RunStatus) -> tuple[int, int, dict[str, int], int, int]:
    assert found.adds_up
    return (found.read, found.classified, dict(found.skipped), found.dead, found.waiting)


def test_a_replay_classifies_what_can_be_read_and_the_run_still_adds_up(store: Store, tmp_path: Path) -> None:
    # given
    run = dead_run(store, tmp_path)
    assert counts(status(store, run)) == (4, 0, {}, 4, 0)

    # when two letters are on their way to the workers, one is a skip, and one is as broken as before
    assert open_replay(store, dead_letters(store, run)) == [run]
    assert counts(status(store, run)) == (4, 0, {"too short": 1}, 1, 2)

    # then whoever resumes the replay finds their comments
    ledger = Ledger(store)
    (chunk,) = ledger.unfinished(run)
    comments = letters_in_replay(store, ledger.run(run), chunk)
    assert [comment.id for comment in comments] == ["failed", "mended"]

    # and once they are stored they are no dead letters any more
    store_all(store, run, chunk.number, comments)
    assert counts(status(store, run)) == (4, 2, {"too short": 1}, 1, 0)
    assert [letter.position for letter in dead_letters(store, run)] == [1]


def test_letters_that_are_as_broken_as_before_make_no_chunk(store: Store, tmp_path: Path) -> None:
    run = dead_run(store, tmp_path)
    broken = [letter for letter in dead_letters(store, run) if letter.position == 1]
    assert open_replay(store, broken) == []
    assert Ledger(store).unfinished(run) == []


def test_letters_are_replayed_one_chunk_after_the_other(store: Store, tmp_path: Path) -> None:
    run = dead_run(store, tmp_path)
    for letter in dead_letters(store, run):
        open_replay(store, [letter])
    assert [chunk.comments for chunk in Ledger(store).unfinished(run)] == [1, 1]


def long_letters(store: Store, tmp_path: Path) -> tuple[str, Path]:
    """A finished run of three records that are too long to be kept: one that is broken, two that killed the model."""
    long = "word " * 20_000
    path = tmp_path / "RC_x"
    lines = [f'{{"id": "c0", "body": "{long}"', *(json.dumps({"id": f"c{n}", "body": f"{long}{n}"}) for n in (1, 2))]
    path.write_text("\n".join(lines))
    run = open_run(store, [path], RunOptions())
    (broken, first, second) = open_source(path).records()
    assert isinstance(broken, Bad)
    dead = [DeadLetter(position=0, stage="read", error=broken.error, payload=broken.payload)]
    for record in (first, second):
        assert isinstance(record, Parsed)
        dead.append(unclassified(record.comment, "no"))
    ledger = Ledger(store)
    ledger.add_chunk(run, 0, 0, RecordRange(first=0, stop=3, records=3, dead=dead))
    ledger.end_source(run, 0)
    ledger.close_input(run)
    return run, path


def test_a_record_that_was_too_long_to_be_kept_is_read_from_its_source_again(
    sqlite_store: Store, tmp_path: Path
) -> None:
    run, _ = long_letters(sqlite_store, tmp_path)
    assert all(len(letter.payload) < 2_000 for letter in dead_letters(sqlite_store, run))
    assert open_replay(sqlite_store, dead_letters(sqlite_store, run)) == [run]
    (chunk,) = Ledger(sqlite_store).unfinished(run)
    comments = letters_in_replay(sqlite_store, Ledger(sqlite_store).run(run), chunk)
    assert [(comment.id, comment.text[-6:]) for comment in comments] == [("c1", "word 1"), ("c2", "word 2")]


def test_what_cannot_be_read_again_says_why(sqlite_store: Store, tmp_path: Path) -> None:
    run, path = long_letters(sqlite_store, tmp_path)
    path.write_text("another file")
    assert open_replay(sqlite_store, dead_letters(sqlite_store, run)) == []
    for letter in dead_letters(sqlite_store, run):
        assert letter.error.startswith("the record is too long to be kept, and cannot be read again: ")
        assert "RC_x has changed since run" in letter.error
