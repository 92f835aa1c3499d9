"""Merging makes sorted files by model and month, in which a comment has one row; a kill or another merge costs none."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from msgspec.structs import replace

from moodmill.db.core.comment import Comment
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import StoreAwayError
from moodmill.db.lake import columnar, lateness, merging
from moodmill.db.lake.contents import contents
from moodmill.db.lake.lake import Lake
from moodmill.db.lake.merging import merge
from tests.db.builders import Made, at_once, classified, comments, rows, scattered
from tests.db.lake.builders import DYING, files_of, lake_store
from tests.support import clean_environment

INT8 = Engine("openvino", "int8")
MONTHS = (datetime(2024, 1, 31, 23, 59, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC), None)
#: Merges, and dies by SIGKILL at the nth step: of the folder's, or statements of the store.
DIE_IN_MERGING = f"""{DYING}
from moodmill.db.lake.lake import lake_of
from moodmill.db.lake.merging import merge
merge(lake_of(store))
"""
#: More than there are where a file is written anew, and one of another month comes.
STEPS = 34


def come(made: Made, of: Sequence[Comment], **options: Any) -> None:
    """Have a chunk of these comments come in."""
    assert made.store_chunk(made.add(len(of)).number, classified(of, **options))


def monthly(first: int = 0) -> list[Comment]:
    """Return a comment of each of the months."""
    of = comments(range(first, first + len(MONTHS)))
    return [replace(one, created_at=moment) for one, moment in zip(of, MONTHS, strict=True)]


def names(lake: Lake) -> set[str]:
    return {file.name for file in files_of(lake)}


def held(lake: Lake, name: str) -> list[Any]:
    """Return what rows of a file are sorted by, as they lie there."""
    query = "select subreddit is not null, subreddit, created_at at time zone 'UTC', comment_id from read_parquet(?)"
    with duckdb.connect() as connection:
        return connection.execute(query, [lake.folder.where(name)]).fetchall()


def test_rows_of_a_month_are_sorted_by_subreddit_time_and_id(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        for seed in range(1, 4):
            come(made, scattered(60, seed))
            come(made, comments(range(30)[::-1]))
        merge(lake)
        assert len({name.split("/")[2] for name in names(lake)}) == len(names(lake)) == 5  # one of no month
        found = [held(lake, name) for name in names(lake)]
        assert found == [*map(sorted, found)]
        assert sum(of_month[0][1] is None for of_month in found) == 4


@pytest.mark.parametrize(
    ("model", "quoted"), [("m", "m"), ("org/an emotion@1.0", "org%2Fan%20emotion%401.0"), ("o'm=50%", "o%27m%3D50%25")]
)
def test_files_are_named_by_model_and_month(tmp_path: Path, model: str, quoted: str) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(Made(store), monthly(), model=model)
        merge(lake)
        months = ("2024-01", "2024-02", "__HIVE_DEFAULT_PARTITION__")
        folders = {name.rpartition("/")[0] for name in names(lake)}
        assert folders == {f"rows/model={quoted}/month={month}" for month in months}
        assert {(file.first, file.last, file.undated) for file in files_of(lake)} == {(at, at, not at) for at in MONTHS}
        assert [row["model"] for row in rows(store)] == [model] * 3


def test_rows_that_come_again_are_left_out_for_good_and_counted(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        for said in (None, None, "edited", "edited again"):
            come(made, [replace(one, text=said or one.text) for one in comments(range(3))])
        before = rows(store)
        done = merge(lake)
        assert (done.rows, done.repeated, done.edited) == (12, 3, 6)
        come(made, comments(range(2)))
        come(made, [replace(one, text="edited since") for one in comments([2])])
        merge(lake)
        now = contents(lake)
        assert (now.repeated, now.edited) == (5, 7)
        assert (now.merged_rows, now.incoming_rows) == (3, 0)
        assert rows(store) == before


def test_merged_files_share_no_comment(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        for seed in range(6):
            come(Made(store), scattered(40, seed % 3), model=("m", "n")[seed % 2])
            merge(lake)
        keys = [(file.model, *row[2:]) for file in files_of(lake) for row in held(lake, file.name)]
        assert len(keys) == len(set(keys)) == len(rows(store)) == 240
        assert all(len({(row[2] or MONTHS[0]).month for row in held(lake, name)}) == 1 for name in names(lake))


def test_a_file_is_left_alone_where_nothing_in_it_changes(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        come(made, monthly())
        merge(lake)
        before = names(lake)
        come(made, [*monthly(), *monthly(first=10)])
        merge(lake)
        assert before < names(lake)
        come(made, monthly(), engine=INT8)  # which replaces nothing
        assert merge(lake).after == 0
        assert sum(file.rows for file in files_of(lake)) == 6


@pytest.mark.parametrize(
    ("brings", "column", "after"),
    [({"engine": INT8, "replaces": True}, "engine", 2), ({"keep_text": True}, "text", 1)],
)
def test_a_file_is_written_anew_where_a_row_of_it_is_replaced_or_gets_a_text(
    tmp_path: Path, brings: dict[str, Any], column: str, after: int
) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(Made(store), monthly() + monthly(first=10))
        merge(lake)
        untouched = {file.name for file in files_of(lake) if file.first != MONTHS[0]}
        assert len(untouched) == 2
        come(Made(store), monthly()[:1], **brings)
        unmerged = rows(store)
        done = merge(lake)
        assert untouched < names(lake)
        assert (len(names(lake)), done.before, done.after) == (2 + after, 2, after)
        assert rows(store) == unmerged
        changed = {row["comment_id"]: row[column] for row in rows(store)}
        assert changed.pop("c0") == ("text 0" if column == "text" else str(INT8))
        assert len(set(changed.values())) == 1


def test_small_files_of_a_month_are_put_together_where_that_is_asked_for_or_there_are_many(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        for first in range(0, 12, 3):
            come(made, monthly(first))
            merge(lake)
        before = rows(store)
        assert len(files_of(lake)) == 12
        assert merge(lake, whole=True).rows == 12
        assert [file.rows for file in files_of(lake)] == [4, 4, 4]
        assert all((found := held(lake, name)) == sorted(found) for name in names(lake))
        assert rows(store) == before
        assert merge(lake, whole=True) == merging.NOTHING
        for first in range(12, 33, 3):
            come(made, monthly(first))
            merge(lake)
        assert [file.rows for file in files_of(lake)] == [11, 11, 11], "many are put together without being asked"


def test_two_that_merge_at_once_leave_each_row_once(tmp_path: Path) -> None:
    def merged(of: Lake) -> str:
        try:
            merge(of)
        except StoreAwayError as error:
            return str(error)
        return ""

    with lake_store(tmp_path) as (store, lake), lake_store(tmp_path) as (_, other):
        made = Made(store)
        for seed in range(5):
            come(made, scattered(30, seed))
            come(made, scattered(30, max(seed - 1, 0)), keep_text=True)
            before = rows(store)
            said = at_once(partial(merged, lake), partial(merged, other))
            assert set(said) <= {"", "another process changed the lake meanwhile"}
            assert "" in said, "one of them gets through"
            assert rows(store) == before
            assert sum(file.rows for file in files_of(lake)) == len(before) == 30 * (seed + 1)


def test_what_took_so_long_that_it_may_be_collected_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(Made(store), monthly())
        monkeypatch.setattr(lateness, "MAX_WAIT_S", -1.0)
        with pytest.raises(StoreAwayError, match="waited too long"):
            merge(lake)
        assert not any(file.merged for file in files_of(lake))


def test_much_is_merged_some_at_a_time_and_lies_in_files_of_few_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "AT_ONCE", 100)
    monkeypatch.setattr(merging, "FILE_ROWS", 20)
    monkeypatch.setattr(merging, "GROUP", 10)
    monkeypatch.setattr(columnar, "GROUP", 10)
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        for seed in range(8):
            come(made, scattered(60, seed % 6), model=("m", "n")[seed % 2])
        before, heard = rows(store), list[int]()
        done = merge(lake, lambda so_far: heard.append(so_far.rows))
        assert heard == [60 * n for n in range(1, 9)]
        assert (done.rows, done.repeated) == (480, 120)
        assert max(file.rows for file in files_of(lake)) == 20
        assert sum(file.rows for file in files_of(lake)) == len(before) == 360
        assert rows(store) == before


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_kill_at_any_step_leaves_the_rows_and_what_merges_them_by_the_next_try(tmp_path: Path, step: int) -> None:
    with lake_store(tmp_path) as (store, lake):
        come(Made(store), comments(range(5)))
        merge(lake)
        come(Made(store), [*comments(range(3)), *monthly(first=10)[2:]], keep_text=True)
        before = rows(store)
        command = [sys.executable, "-c", DIE_IN_MERGING, store.url.render_as_string(), str(step)]
        done = subprocess.run(command, env=clean_environment(), timeout=60, check=False, capture_output=True, text=True)
        assert done.returncode == -signal.SIGKILL or (step > STEPS - 8 and done.returncode == 0), done.stderr
        assert rows(store) == before
        merge(lake)
        assert rows(store) == before
        assert sum(file.rows for file in files_of(lake)) == len(before) == 6
        assert contents(lake).repeated == 3
