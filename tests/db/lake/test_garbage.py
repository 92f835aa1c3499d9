"""Files that are no part of a lake are deleted, late enough for whoever reads or writes them; no other ever is."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from moodmill.db.core.errors import StoreAwayError, StoreError
from moodmill.db.database.schema import comment_emotion, lake_file
from moodmill.db.database.store import Store
from moodmill.db.lake.garbage import UNNAMED, Collected, collect, collect_removed
from moodmill.db.lake.merging import merge
from moodmill.db.lake.reader import reading_lake
from tests.db.builders import Made, classified, comments, rows
from tests.db.lake.builders import files_of, lake_store

AT_ONCE = timedelta()
NOTHING = Collected(removed=0, unnamed=0, bytes=0)
HOW_MANY = select(func.count()).select_from(comment_emotion)


def come(store: Store, *numbers: int) -> None:
    """Have a chunk of these comments come in."""
    made = Made(store)
    assert made.store_chunk(made.add(len(numbers)).number, classified(comments(numbers)))


def lying(folder: Path) -> set[str]:
    """Return the names of the files that lie in a lake, but for its marker."""
    return {path.relative_to(folder / "lake").as_posix() for path in (folder / "lake").rglob("*.parquet")}


def written_long_ago(folder: Path, age: timedelta = UNNAMED + timedelta(hours=1)) -> None:
    """Have all files of a lake be of so long ago."""
    for name in lying(folder):
        os.utime(folder / "lake" / name, (moment := time.time() - age.total_seconds(), moment))


def known(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(lake_file)) or 0)


def test_who_read_the_manifest_before_a_merge_reads_its_files_after(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0, 1)
        come(store, 1, 2)
        with store.reading() as connection, reading_lake(connection, lake.folder.address) as reader:
            merge(lake)
            written_long_ago(tmp_path)
            assert collect(lake) == NOTHING
            assert reader.scalar(HOW_MANY) == 3
        assert len(lying(tmp_path)) == known(store) == 3


def test_what_was_merged_away_is_deleted_after_the_grace(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0, 1)
        come(store, 1, 2)
        before, size = rows(store), sum(file.bytes for file in files_of(lake))
        merge(lake)
        assert collect_removed(lake) == (0, 0)
        assert collect(lake, AT_ONCE) == Collected(removed=2, unnamed=0, bytes=size)
        assert lying(tmp_path) == {file.name for file in files_of(lake)}
        assert known(store) == 1
        assert not any((tmp_path / "lake" / "incoming").iterdir()), "a folder goes with its last file"
        assert rows(store) == before
        assert collect(lake, AT_ONCE) == NOTHING


def test_a_reader_that_takes_longer_than_the_grace_is_told_in_a_line(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0)
        with store.reading() as connection, reading_lake(connection, lake.folder.address) as reader:
            merge(lake)
            collect(lake, AT_ONCE)
            with pytest.raises(StoreError, match="cannot read the lake"):
                reader.scalar(HOW_MANY)


@pytest.mark.parametrize("below", ["incoming/2024-03-01", "rows/model=m/month=2024-03"])
def test_what_nobody_named_is_deleted_once_nobody_will(tmp_path: Path, below: str) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0)
        lake.folder.write(f"{below}/unnamed.parquet", b"half of a")
        written_long_ago(tmp_path, UNNAMED - timedelta(minutes=1))
        assert collect(lake, AT_ONCE) == NOTHING
        written_long_ago(tmp_path)
        assert collect_removed(lake, AT_ONCE) == (0, 0)
        assert collect(lake, UNNAMED + timedelta(hours=2)) == NOTHING, "whose grace is longer"
        assert collect(lake, AT_ONCE) == Collected(removed=0, unnamed=1, bytes=9)
        assert lying(tmp_path) == {file.name for file in files_of(lake)}


def test_what_is_named_stays_however_old_it_is(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0, 1)
        merge(lake)
        come(store, 2)
        written_long_ago(tmp_path, timedelta(days=9_000))
        assert collect(lake, AT_ONCE).unnamed == 0
        assert lying(tmp_path) == {file.name for file in files_of(lake)}
        assert len(rows(store)) == 3


def test_other_things_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (_, lake):
        for name in ("notes.parquet", "moodmill.json"):
            path = tmp_path / "lake" / name
            path.touch()
            os.utime(path, (0, 0))
        assert collect(lake, AT_ONCE) == NOTHING
        assert {path.name for path in (tmp_path / "lake").iterdir()} == {"notes.parquet", "moodmill.json"}


def test_a_kill_between_deleting_files_and_forgetting_them_is_mended_by_the_next_call(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(store, 0)
        come(store, 1)
        gone, left = (file.name for file in files_of(lake))
        merge(lake)
        (tmp_path / "lake" / gone).unlink()
        assert collect(lake, AT_ONCE).removed == 2
        assert left not in lying(tmp_path)
        assert known(store) == 1
        assert len(rows(store)) == 2


def test_what_a_file_cannot_be_deleted_for_is_known_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error", str(path))

    with lake_store(tmp_path) as (store, lake):
        come(store, 0)
        merge(lake)
        monkeypatch.setattr(Path, "unlink", unlink)
        with pytest.raises(StoreAwayError, match="just now: Input/output error"):
            collect(lake, AT_ONCE)
        assert known(store) == 2
        monkeypatch.undo()
        assert collect(lake, AT_ONCE).removed == 1
