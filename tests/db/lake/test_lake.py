"""A store knows its lake, a lake its store; neither is taken for another's."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from moodmill.db.core.errors import SettingError, StoreError
from moodmill.db.database.store import Store
from moodmill.db.lake.folder import LakeFolder
from moodmill.db.lake.lake import begin_lake, follow_lake, lake_of, prepare_lake, prepare_store
from moodmill.db.lake.merging import merge
from tests.db.builders import add_rows, at_once, classified, comments, one_line, rows, stored
from tests.db.lake.builders import files_of, lake_store


@contextmanager
def bare_store(folder: Path, name: str = "lake.db") -> Iterator[Store]:
    """Yield a store in a folder, as a process opens it that knows nothing of lakes."""
    with closing(Store(f"sqlite:///{folder}/{name}")) as store:
        store.prepare()
        yield store


def refused(store: Store, address: str, error: type[StoreError | SettingError] = StoreError) -> str:
    """Return what is said where a store is to have a lake, in a line."""
    with pytest.raises(error) as caught:
        prepare_lake(store, address)
    return one_line(caught.value)


def marker(folder: Path) -> Path:
    return folder / "moodmill.json"


def test_a_store_remembers_its_lake(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        stored(store, classified(comments(range(3))))
    with bare_store(tmp_path) as store:
        found = prepare_lake(store, None)
        assert found is not None
        assert (found.id, found.folder.address) == (lake.id, str(tmp_path / "lake"))
        assert len(rows(store)) == 3
        stored(store, classified(comments(range(3, 5))))
        assert sum(file.rows for file in files_of(found)) == 5
        assert prepare_lake(store, f"{tmp_path}/lake/") is found


def test_a_store_without_a_lake_has_none_until_one_is_named(tmp_path: Path) -> None:
    with bare_store(tmp_path) as store:
        prepare_store(store, None)
        assert lake_of(store) is prepare_lake(store, None) is None
        prepare_store(store, str(tmp_path / "lake"))
        assert lake_of(store) is not None
        assert not files_of(prepare_lake(store, None) or pytest.fail("it is gone"))


def test_a_folder_that_is_not_there_any_more_takes_no_rows(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, _):
        stored(store, classified(comments(range(3))))
    (tmp_path / "lake").rename(tmp_path / "unmounted")
    with bare_store(tmp_path) as store:
        prepare_lake(store, str(tmp_path / "lake"))
        for work in (
            lambda: stored(store, classified(comments(range(3, 5)))),
            lambda: merge(lake_of(store) or pytest.fail("it is gone")),
        ):
            with pytest.raises(StoreError, match=r"is not at .*/lake: is that mounted") as refused:
                work()
            one_line(refused.value)
        (tmp_path / "unmounted").rename(tmp_path / "lake")
        stored(store, classified(comments(range(3, 5))))
        assert len(rows(store)) == 5


def test_the_lake_of_another_store_is_refused(tmp_path: Path) -> None:
    with lake_store(tmp_path), bare_store(tmp_path, "other.db") as other:
        said = refused(other, str(tmp_path / "lake"))
        assert said.startswith(f"{tmp_path}/lake is the lake of another store")
        assert lake_of(other) is None
        stored(other, classified(comments(range(2))))
        assert len(rows(other)) == 2


@pytest.mark.parametrize("said", ["{}", "[1]", "\x00\xff"])
def test_a_marker_that_says_nothing_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "lake").mkdir()
    marker(tmp_path / "lake").write_text(said)
    with bare_store(tmp_path) as store:
        assert "is no marker of a lake" in refused(store, str(tmp_path / "lake"), SettingError)
        assert lake_of(store) is None


def test_a_store_with_rows_in_sql_is_told_how_they_are_moved(tmp_path: Path) -> None:
    with bare_store(tmp_path) as store:
        add_rows(store, classified(comments(range(2))))
        assert "`moodmill lake move` moves them" in refused(store, str(tmp_path / "lake"))
        assert lake_of(store) is None
        assert not (tmp_path / "lake").exists()
        assert len(rows(store)) == 2


def test_a_folder_with_rows_of_an_earlier_store_of_this_name_is_left_alone(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, _):
        stored(store, classified(comments(range(3))))
    for file in tmp_path.glob("lake.db*"):
        file.unlink()
    with bare_store(tmp_path) as store:
        assert "holds files of an earlier store of this name" in refused(store, str(tmp_path / "lake"))
        assert lake_of(store) is None


def test_a_lake_is_followed_to_a_copy_of_its_folder(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        stored(store, classified(comments(range(3))))
        before = rows(store)
    shutil.copytree(tmp_path / "lake", tmp_path / "copy")
    shutil.rmtree(tmp_path / "lake")
    with bare_store(tmp_path) as store:
        assert "`moodmill lake follow`" in refused(store, str(tmp_path / "copy"))
        assert follow_lake(store, str(tmp_path / "copy")) is lake_of(store)
        assert rows(store) == before
        stored(store, classified(comments(range(3, 5))))
        assert not (tmp_path / "lake").exists()
    with bare_store(tmp_path) as store:
        found = lake_of(store)
        assert found is not None
        assert (found.id, found.folder.address) == (lake.id, str(tmp_path / "copy"))
        assert len(rows(store)) == 5


@pytest.mark.parametrize("is_another", [False, True])
def test_a_lake_is_not_followed_to_a_folder_that_is_not_a_copy(tmp_path: Path, is_another: bool) -> None:
    with lake_store(tmp_path) as (store, lake), bare_store(tmp_path, "other.db") as other:
        stored(store, classified(comments(range(3))))
        if is_another:
            prepare_lake(other, str(tmp_path / "elsewhere"))
        with pytest.raises(StoreError, match="is that mounted") as caught:
            follow_lake(store, str(tmp_path / "elsewhere"))
        one_line(caught.value)
        assert lake_of(store) is lake
        assert len(rows(store)) == 3


def test_a_lake_is_not_followed_to_a_part_of_it(tmp_path: Path) -> None:
    with lake_store(tmp_path) as (store, lake):
        stored(store, classified(comments(range(3))))
        shutil.copytree(tmp_path / "lake", tmp_path / "copy")
        stored(store, classified(comments(range(3, 5))))
        with pytest.raises(StoreError, match="1 files of the lake are not at"):
            follow_lake(store, str(tmp_path / "copy"))
        assert lake_of(store) is lake


@pytest.mark.parametrize("sign", "*?[]")
def test_an_address_that_would_stand_for_several_is_refused(tmp_path: Path, sign: str) -> None:
    with bare_store(tmp_path) as store:
        said = refused(store, f"{tmp_path}/lake{sign}", SettingError)
        assert "expected a folder without any of * ? [ ]" in said
        assert lake_of(store) is None


@pytest.mark.parametrize("url", ["s3://name:secret@bucket/lake", "https://secret@bucket/lake"])
def test_a_url_that_lets_in_whoever_has_it_is_refused(tmp_path: Path, url: str) -> None:
    with bare_store(tmp_path) as store:
        assert "lets in whoever has it" in refused(store, url, SettingError)
        assert lake_of(store) is None


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with bare_store(tmp_path) as store:
        assert "check MOODMILL_LAKE" in refused(store, str(tmp_path / "file" / "lake"))


@pytest.mark.parametrize("name", ["it's", "%41 ü#", "a{b}"])
def test_a_folder_may_have_any_other_name(tmp_path: Path, name: str) -> None:
    with lake_store(tmp_path, str(tmp_path / name)) as (store, lake):
        stored(store, classified(comments(range(3))))
        assert len(rows(store)) == 3
        assert all((tmp_path / name / file.name).exists() for file in files_of(lake))


def test_a_relative_folder_is_remembered_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert LakeFolder("lake").address == LakeFolder("lake/").address == str(tmp_path / "lake")


def test_processes_that_begin_a_lake_at_once_agree(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stores = [stack.enter_context(bare_store(tmp_path)) for _ in range(4)]
        found = at_once(*(partial(begin_lake, one, LakeFolder(str(tmp_path / "lake"))) for one in stores))
        (lake_id,) = {one.id for one in found}
        assert json.loads(marker(tmp_path / "lake").read_text())["id"] == lake_id


def test_of_processes_that_begin_different_lakes_one_is_refused(tmp_path: Path) -> None:
    def begun(store: Store, name: str) -> str:
        try:
            prepare_lake(store, str(tmp_path / name))
        except StoreError as error:
            return one_line(error)
        return name

    with bare_store(tmp_path) as one, bare_store(tmp_path) as other:
        said = at_once(partial(begun, one, "here"), partial(begun, other, "there"))
        (kept,) = {"here", "there"} & set(said)
        assert sum(f"has the lake {tmp_path}/{kept}" in line for line in said) == 1
        assert (lake_of(one) or pytest.fail("it is gone")).folder.address == str(tmp_path / kept)
