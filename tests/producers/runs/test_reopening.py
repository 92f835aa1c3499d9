"""Runs of older versions, which kept no layout: resumed and replayed as far as their files tell how they are read."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import Filters
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import Chunk, DeadLetter, RecordRange
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reading import read_again
from moodmill.producers.runs.replay import letters_in_replay, open_replay
from tests.producers.archives import zipped


def _csv(path: Path) -> None:
    path.write_text("id;text\nold1;one\nold2;two\n")


def _parquet(path: Path) -> None:
    pq.write_table(pa.table({"id": ["old1", "old2"], "text": ["one", "two"]}), path)


def _ndjson(path: Path) -> None:
    path.write_text('{"id": "old1", "body": "one"}\n{"id": "old2", "body": "two"}\n')


KINDS: list[tuple[str, Callable[[Path], None], str]] = [
    ("x.csv", _csv, "old3;three"),
    ("x.parquet", _parquet, '{"id": "old3", "text": "three"}'),
    ("RC_x.ndjson", _ndjson, '{"id": "old3", "body": "three"}'),
]


def old_run(store: Store, path: Path, payload: str) -> str:
    """A run with a chunk of two records that is pending, and a dead letter."""
    run = open_run(store, [path], RunOptions(filters=Filters()))
    ledger = Ledger(store)
    letter = DeadLetter(position=2, stage="read", error="expected a text", payload=payload)
    two = [Comment(id=f"old{n}", text="a text", position=n) for n in range(2)]
    ledger.add_chunk(run, 0, 0, RecordRange(first=0, stop=3, records=3, comments=two, dead=[letter]))
    ledger.end_source(run, 0)
    ledger.close_input(run)
    with store.engine.begin() as connection:
        connection.execute(text("update source set layout = null"))
    return run


@pytest.mark.parametrize(("name", "make", "payload"), KINDS)
def test_a_chunk_of_a_run_that_kept_no_layout_is_read_again(
    store: Store, tmp_path: Path, name: str, make: Callable[[Path], None], payload: str
) -> None:
    make(tmp_path / name)
    run = Ledger(store).run(old_run(store, tmp_path / name, payload))
    ((_, comments),) = read_again(store, run, run.sources[0], Ledger(store).unfinished(run.id))
    assert [(comment.id, comment.text) for comment in comments] == [("old1", "one"), ("old2", "two")]


@pytest.mark.parametrize(("name", "make", "payload"), KINDS)
def test_dead_letters_of_a_run_that_kept_no_layout_are_replayed_although_their_file_is_gone(
    store: Store, tmp_path: Path, name: str, make: Callable[[Path], None], payload: str
) -> None:
    make(tmp_path / name)
    run = old_run(store, tmp_path / name, payload)
    is_table = name.endswith(".csv")
    if not is_table:  # which has its header in the file
        (tmp_path / name).unlink()
    assert open_replay(store, dead_letters(store, run)) == [run]
    (chunk,) = (chunk for chunk in Ledger(store).unfinished(run) if chunk.replay)
    (comment,) = letters_in_replay(store, Ledger(store).run(run), chunk)
    assert (comment.id, comment.text) == ("old3", "three")


def test_an_archive_that_could_not_be_listed_is_no_dump_when_it_is_opened_again(store: Store, tmp_path: Path) -> None:
    broken = zipped(tmp_path / "broken.zip", ("a.csv", b"text\na\n"))
    broken.write_bytes(broken.read_bytes()[:-10])
    _csv(tmp_path / "x.csv")
    run = Ledger(store).run(open_run(store, [broken, tmp_path / "x.csv"], RunOptions(filters=Filters())))
    (file,) = (file for file in run.sources if file.error)
    chunk = Chunk(number=0, source_number=file.number, first=0, stop=1, records=1, comments=1)
    with pytest.raises(SourceError, match=r"broken\.zip") as refusal:
        list(read_again(store, run, file, [chunk]))
    assert str(refusal.value) == file.error
