"""Chunks go into a lake whole or not at all: a file first, then "chunk done" and its entry in one transaction."""

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from threading import Barrier

import pytest

from moodmill.db.analytics.reads import status
from moodmill.db.core.errors import RunError, StoreAwayError, StoreError
from moodmill.db.database.schema import chunk
from moodmill.db.lake import lateness
from moodmill.db.lake.folder import LakeFolder
from moodmill.db.results.writer import store_chunk
from tests.db.builders import Made, at_once, classified, comments, letter, matrix, rows
from tests.db.lake.builders import DYING, files_of, lake_store
from tests.support import clean_environment

#: Stores a chunk, and dies by SIGKILL at the nth step: of the folder's, or statements of the store.
DIE_IN_WRITING = f"""{DYING}
from moodmill.db.results.writer import store_chunk
from tests.db.builders import classified, comments
store_chunk(store, sys.argv[3], 0, 0, classified(comments(range(5))))
print(left[0])
"""


def test_a_chunk_is_stored_once_however_often_it_comes(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(3)
        assert made.store_chunk(0, classified(comments(range(3))))
        before = rows(store)
        assert not made.store_chunk(0, classified(comments(range(9)), matrix(9, seed=1)), [letter(5)])
        assert rows(store) == before
        assert len(before) == 3
        assert status(store, made.id).dead == 0
        assert [file.rows for file in files_of(lake)] == [3]


def test_several_that_have_the_same_chunk_at_once_store_it_once(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake), lake_store(tmp_path) as (other, _):
        made = Made(store)
        for number in range(8):
            made.add(4)
            mine = partial(made.store_chunk, number, classified(comments(range(4))))
            theirs = partial(store_chunk, other, made.id, number, 0, classified(comments(range(4))))
            assert sum(bool(done) for done in at_once(mine, theirs, mine, theirs)) == 1
        assert sum(file.rows for file in files_of(lake)) == 32
        assert len(rows(store)) == 4


def test_chunks_that_come_while_another_is_written_share_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        for _ in range(9):
            made.add(2)
        first, write = Barrier(2), LakeFolder.write
        names: list[str] = []

        def slow(folder: LakeFolder, name: str, data: bytes) -> None:
            if not names:
                first.wait(10)  # the others have come
                first.wait(10)
            names.append(name)
            write(folder, name, data)

        monkeypatch.setattr(LakeFolder, "write", slow)
        kept = lake.kept

        def come(number: int) -> bool:
            return made.store_chunk(number, classified(comments(range(2 * number, 2 * number + 2))))

        def let_go() -> bool:
            first.wait(10)
            waiting = kept["writer"]._waiting
            while len(waiting) < 8:
                waiting = kept["writer"]._waiting
            first.wait(10)
            return True

        assert all(at_once(*(partial(come, number) for number in range(9)), let_go))
        assert sorted(file.rows for file in files_of(lake)) == [2, 16]
        assert len(rows(store)) == 18


def test_a_chunk_at_fault_costs_none_of_those_that_share_its_file(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(2)
        made.add(2)

        def unknown() -> str:
            with pytest.raises(RunError, match="is not in this store"):
                store_chunk(store, made.id, 7, 0, classified(comments(range(4, 6))))
            return "refused"

        good = partial(made.store_chunk, 0, classified(comments(range(2))))
        better = partial(made.store_chunk, 1, classified(comments(range(2, 4))))
        assert at_once(good, unknown, better) == [True, "refused", True]
        assert len(rows(store)) == 4
        assert sum(file.rows for file in files_of(lake)) == 4


def test_a_chunk_without_comments_has_no_file(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(1)
        assert made.store_chunk(0, classified([]), [letter(0, "NaN", "classify")])
        assert files_of(lake) == []
        assert status(store, made.id).dead == 1


@pytest.mark.parametrize("step", range(1, 15))
def test_a_kill_at_any_step_leaves_a_chunk_that_is_stored_once_by_the_next_try(tmp_path: Path, step: int) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(5)
        url = store.url.render_as_string()
        command = [sys.executable, "-c", DIE_IN_WRITING, url, str(step), made.id]
        done = subprocess.run(
            command, env=clean_environment(), timeout=60, check=False, capture_output=True, text=True, cwd=Path.cwd()
        )
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
        with store.reading() as connection:
            is_done = connection.scalar(chunk.select().with_only_columns(chunk.c.state)) == "done"
        assert made.store_chunk(0, classified(comments(range(5)))) is not is_done
        assert sum(file.rows for file in files_of(lake)) == len(rows(store)) == 5


def test_a_file_that_waited_so_long_that_it_may_be_collected_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(2)
        monkeypatch.setattr(lateness, "MAX_WAIT_S", -1.0)
        with pytest.raises(StoreAwayError, match="waited too long"):
            made.store_chunk(0, classified(comments(range(2))))
        assert files_of(lake) == []
        monkeypatch.undo()
        assert made.store_chunk(0, classified(comments(range(2))))


def test_a_folder_that_cannot_be_written_to_is_told_in_a_line(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        made = Made(store)
        made.add(2)
        (tmp_path / "lake" / "incoming").write_text("in the way")
        with pytest.raises(StoreError, match=r"cannot use the lake .*; check MOODMILL_LAKE"):
            made.store_chunk(0, classified(comments(range(2))))
        (tmp_path / "lake" / "incoming").unlink()
        assert made.store_chunk(0, classified(comments(range(2))))
        assert len(files_of(lake)) == 1
