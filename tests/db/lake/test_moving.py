"""The rows of a table move into a lake, all of them or none, whatever comes meanwhile."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import StoreAwayError, StoreError
from moodmill.db.database.schema import comment_emotion, rollup_day
from moodmill.db.database.store import Store
from moodmill.db.lake import merging, moving
from moodmill.db.lake.lake import lake_of
from moodmill.db.lake.merging import merge
from moodmill.db.lake.moving import move_in
from moodmill.db.results.models import register_model
from tests.db.builders import (
    Made,
    add_older_rows,
    add_rows,
    classified,
    comments,
    matrix,
    one_line,
    rows,
    scattered,
    stored,
)
from tests.db.lake.builders import files_of, lake_store
from tests.support import clean_environment

#: Moves the rows of a store, and dies by SIGKILL at the nth file, or where 0 is left at the end, before they are named.
DIE_IN_MOVING = """
import os, signal, sys
from moodmill.db.database.store import Store
from moodmill.db.lake import moving
left = [int(sys.argv[3])]
def die(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
if not left[0]:
    left[0], moving.add_files = 1, die
    move_in = lambda store, to: moving.move_in(store, to)
else:
    move_in = lambda store, to: moving.move_in(store, to, die)
move_in(Store(sys.argv[1]), sys.argv[2])
"""
EXTREMES = (datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))


def fill(store: Store) -> None:
    """Fill a store with rows of two models, with all that a row may say or leave out."""
    for model, seed in (("org/m", 1), ("n", 2)):
        of = scattered(40, seed)
        reasons = [(None, "language", "tokens")[n % 3] for n in range(40)]
        stored(store, classified(of, matrix(40, seed), model, keep_text=seed == 1, unsupported=reasons))  # type: ignore[arg-type]
    extremes = [replace(one, created_at=at) for one, at in zip(comments([1, 2]), EXTREMES, strict=True)]
    add_rows(store, classified([*extremes, replace(comments([3])[0], id="é\u4e00 '\"\\", author=None)]))
    add_older_rows(store, classified(comments([9]), model="n"))  # whose texts have no hash


def rows_as_stored(store: Store) -> list[dict[str, Any]]:
    """Return the rows with their probabilities as singles: PostgreSQL gives as many digits as tell one from another."""
    return [{**row, **{name: np.float32(row[name]) for name in EMOTIONS}} for row in rows(store)]


def in_table(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.scalar(select(func.count()).select_from(comment_emotion)) or 0)


@pytest.fixture
def filled(table_store: Store) -> Store:
    fill(table_store)
    return table_store


def test_every_row_is_moved_as_it_was(filled: Store, tmp_path: Path) -> None:
    before = rows_as_stored(filled)
    heard: list[int] = []
    lake, moved = move_in(filled, str(tmp_path / "lake"), heard.append)
    assert lake is lake_of(filled)
    assert moved == heard[-1] == len(before) == 84
    assert rows_as_stored(filled) == before
    assert in_table(filled) == 0
    assert all(file.merged for file in files_of(lake))
    assert merge(lake) == merging.NOTHING
    assert rows_as_stored(filled) == before


def test_a_store_goes_on_in_its_lake(filled: Store, tmp_path: Path) -> None:
    for model in ("m", "n", "org/m"):
        register_model(filled, model, dict.fromkeys(EMOTIONS, 0.5))
    refresh(filled)
    added_up = rows(filled, rollup_day)
    lake, moved = move_in(filled, str(tmp_path / "lake"))
    refresh(filled)
    assert rows(filled, rollup_day) == added_up
    stored(filled, classified(scattered(40, 1), model="org/m"))  # which come again
    stored(filled, classified(comments(range(20, 25))))
    merge(lake)
    assert len(rows(filled)) == sum(file.rows for file in files_of(lake)) == moved + 5
    assert in_table(filled) == 0


def test_an_empty_table_becomes_an_empty_lake(table_store: Store, tmp_path: Path) -> None:
    lake, moved = move_in(table_store, str(tmp_path / "lake"))
    assert (moved, files_of(lake), rows(table_store)) == (0, [], [])
    stored(table_store, classified(comments(range(3))))
    assert len(rows(table_store)) == 3


def test_chunks_that_are_pending_are_to_be_finished_before(filled: Store, tmp_path: Path) -> None:
    made = Made(filled)
    made.add(2)
    with pytest.raises(StoreError, match="1 chunks are pending") as caught:
        move_in(filled, str(tmp_path / "lake"))
    one_line(caught.value)
    assert lake_of(filled) is None
    assert not (tmp_path / "lake").exists()
    assert made.store_chunk(0, classified(comments(range(2))))
    move_in(filled, str(tmp_path / "lake"))


def test_rows_are_moved_once(filled: Store, tmp_path: Path) -> None:
    lake, _ = move_in(filled, str(tmp_path / "lake"))
    before = files_of(lake)
    with pytest.raises(StoreError, match="are in a lake already"):
        move_in(filled, str(tmp_path / "another"))
    assert files_of(lake) == before
    assert not (tmp_path / "another").exists()


def test_the_lake_of_another_store_is_refused(filled: Store, tmp_path: Path) -> None:
    with lake_store(tmp_path) as (other, lake):
        with pytest.raises(StoreError, match="is the lake of another store"):
            move_in(filled, lake.folder.address)
        assert rows(other) == []
    assert in_table(filled) == 84


def test_rows_that_come_in_meanwhile_leave_everything_as_it_was(filled: Store, tmp_path: Path) -> None:
    before = len(rows(filled))

    def come(_: int) -> None:
        stored(filled, classified(comments([100 + len(rows(filled))])))

    with pytest.raises(StoreAwayError, match="nothing is changed, begin again"):
        move_in(filled, str(tmp_path / "lake"), come)
    assert lake_of(filled) is None
    assert in_table(filled) == len(rows(filled)) > before
    lake, moved = move_in(filled, str(tmp_path / "lake"))
    assert moved == sum(file.rows for file in files_of(lake)) == len(rows(filled))


def test_rows_that_are_replaced_meanwhile_leave_everything_as_it_was(filled: Store, tmp_path: Path) -> None:
    of = scattered(40, 2)

    def replaced(_: int) -> None:
        stored(filled, classified(of, matrix(40, seed=5), model="n", replaces=True))

    with pytest.raises(StoreAwayError, match="nothing is changed"):
        move_in(filled, str(tmp_path / "lake"), replaced)
    assert lake_of(filled) is None
    assert in_table(filled) == 84


def test_a_month_of_many_rows_is_read_some_at_a_time(
    table_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "_BATCH", 7)
    monkeypatch.setattr(merging, "FILE_ROWS", 20)
    monkeypatch.setattr("moodmill.db.lake.columnar.GROUP", 10)
    add_rows(table_store, classified(comments(range(50))))
    before = rows_as_stored(table_store)
    lake, _ = move_in(table_store, str(tmp_path / "lake"))
    assert len(files_of(lake)) > 1
    assert rows_as_stored(table_store) == before


@pytest.mark.parametrize("nth", [1, 4, 0])
def test_a_kill_before_the_end_leaves_the_rows_in_the_table(filled: Store, tmp_path: Path, nth: int) -> None:
    before = rows_as_stored(filled)
    url, folder = filled.url.render_as_string(hide_password=False), tmp_path / "lake"
    command = [sys.executable, "-c", DIE_IN_MOVING, url, str(folder), str(nth)]
    done = subprocess.run(command, env=clean_environment(), timeout=60, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    assert any(folder.rglob("*.parquet"))
    assert lake_of(filled) is None
    assert rows_as_stored(filled) == before
    lake, _ = move_in(filled, str(folder))
    assert rows_as_stored(filled) == before
    assert sum(file.rows for file in files_of(lake)) == len(before)


def test_a_kill_before_the_rows_are_moved_leaves_a_folder_that_is_this_store_s(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_as_stored(filled)
    with monkeypatch.context() as patched:
        patched.setattr(moving, "add_files", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            move_in(filled, str(tmp_path / "lake"))
    assert (tmp_path / "lake" / "moodmill.json").exists()
    assert rows_as_stored(filled) == before
    assert move_in(filled, str(tmp_path / "lake"))[1] == len(before)
    assert rows_as_stored(filled) == before
