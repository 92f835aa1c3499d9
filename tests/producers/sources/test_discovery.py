"""Which files paths stand for, under which names, and what is passed over."""

import os
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, discover


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return paths


def files(*paths: Path) -> list[Path]:
    return [place.path for place in discover(paths).places]


def names(*paths: Path) -> list[str]:
    return [place.name for place in discover(paths).places]


def test_files_stand_for_themselves_in_their_order(tmp_path: Path) -> None:
    paths = touch(tmp_path, "b.txt", "a")
    assert files(*paths) == paths


def test_a_folder_stands_for_the_known_files_below_it(tmp_path: Path) -> None:
    known = touch(
        tmp_path,
        "2005/RC_2005-12.zst",
        "2006/deep/x.CSV.gz",
        "RC_2007-01",
        "RS_2007-01.xz",
        "a.ndjson",
        "b.pq",
        "c.zst",
    )
    touch(tmp_path, "README.md", "RC_2005-12.zst.sha256", ".hidden.csv", ".git/x.json", "__MACOSX/._x.csv")
    assert files(tmp_path) == sorted(known)


def test_what_a_folder_passes_over_is_named_with_its_reason(tmp_path: Path) -> None:
    touch(tmp_path, "x.csv", "README.md", "deep/notes.txt", ".DS_Store")
    os.mkfifo(tmp_path / "pipe.csv")
    passed_over = discover([tmp_path]).passed_over
    assert passed_over == {"of no known kind": ["README.md", "deep/notes.txt"], "no regular file": ["pipe.csv"]}


def test_the_same_file_is_taken_once(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "x.csv")
    (tmp_path / "y.csv").symlink_to(path)
    assert files(path, tmp_path, tmp_path / "." / "x.csv") == [path]


def test_links_that_leave_the_folder_are_passed_over_and_named(tmp_path: Path) -> None:
    (outside,) = touch(tmp_path, "outside/x.csv")
    (inside,) = touch(tmp_path, "inside/a.csv")
    (inside.parent / "x.csv").symlink_to(outside)
    (inside.parent / "folder").symlink_to(outside.parent)
    (inside.parent / "loop").symlink_to(inside.parent)
    (inside.parent / "broken.csv").symlink_to(tmp_path / "nowhere")
    found = discover([inside.parent])
    assert [place.path for place in found.places] == [inside]
    assert found.passed_over == {"link out of the folder": ["folder", "x.csv"], "broken link": ["broken.csv"]}


def test_a_path_that_is_no_source_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in [(tmp_path / "nowhere", "does not exist"), (tmp_path / "pipe", "cannot be read twice")]:
        with pytest.raises(SourceError, match=message):
            discover([path])


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a/x/part-0.csv", "b/x/part-0.csv", "b/part-1.csv")
    assert names(tmp_path) == ["a/x/part-0.csv", "part-1.csv", "b/x/part-0.csv"]


def test_folders_that_are_columns_are_part_of_the_name_however_the_file_is_given(tmp_path: Path) -> None:
    (file,) = touch(tmp_path, "data/year=2024/subreddit=caf%C3%A9/part-0.csv")
    assert names(file) == names(tmp_path) == ["year=2024/subreddit=caf%C3%A9/part-0.csv"]
    (place,) = discover([file]).places
    assert place.partitions == {"year": "2024", "subreddit": "café"}


def test_a_null_in_the_name_of_a_folder_is_one(tmp_path: Path) -> None:
    (file,) = touch(tmp_path, "subreddit=__HIVE_DEFAULT_PARTITION__/part-0.csv")
    assert Place.at(file).partitions == {"subreddit": None}


@pytest.mark.parametrize(
    "name", [b"caf\xe9.csv", b"two\nlines.csv", "with space \u00fc\u00f1\u00ef.csv".encode(), b"100%25.csv"]
)
def test_names_of_any_bytes_come_back_from_what_the_ledger_keeps(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text("id,text\n")
    (place,) = discover([tmp_path]).places
    kept = place.kept()
    kept.encode()
    again = Place.from_kept(kept, place.name)
    assert (again.path.resolve(), again.member) == (path.resolve(), None)
    place.name.encode()
    assert "\n" not in str(place)


def test_a_member_comes_back_from_what_the_ledger_keeps(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "x.zip")
    place = Place.at(path, "deep/a!/b.csv")
    assert place.name == "x.zip/deep/a!/b.csv"
    assert Place.from_kept(place.kept(), place.name).member == "deep/a!/b.csv"


def test_ids_that_are_made_up_do_not_depend_on_what_lies_beside(tmp_path: Path) -> None:
    (file, _) = touch(tmp_path, "a/x.csv", "b/x.csv")
    (alone,) = discover([file]).places
    together = next(place for place in discover([tmp_path]).places if place.path == file)
    assert (alone.name, together.name) == ("x.csv", "a/x.csv")
    assert alone.origin == together.origin == "x.csv"


def test_names_that_no_text_tells_apart_are_numbered(tmp_path: Path) -> None:
    for name in (b"caf\xe8.csv", b"caf\xe9.csv"):
        (tmp_path / os.fsdecode(name)).touch()
    assert len(set(names(tmp_path))) == 2
