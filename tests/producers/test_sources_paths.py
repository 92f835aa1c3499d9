"""Which files a command reads, as which kind, and whether they are still the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from db.errors import SettingError, SourceError
from producers.sources import Columns, ReadOptions, expand, fingerprint, open_source


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return paths


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("RC_2005-12.zst", "JsonSource"),
        ("RS_2005-12", "JsonSource"),
        ("x.jsonl.gz", "JsonSource"),
        ("stdin-0123", "JsonSource"),
        ("x.csv", "TextTable"),
        ("X.CSV.GZ", "TextTable"),
        ("x.tsv.zst", "TextTable"),
        ("x.parquet", "ParquetFile"),
        ("x.pq", "ParquetFile"),
    ],
)
def test_the_kind_is_told_by_the_name_behind_the_compression(name: str, kind: str) -> None:
    source = open_source(Path("folder", name))
    assert type(source).__name__ == kind
    assert source.name == name


def test_a_kind_that_is_named_wins(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("note\na\n")
    source = open_source(path, ReadOptions(kind="csv", columns=Columns(text="note")))
    source.inspect()
    assert type(source).__name__ == "TextTable"


def test_an_unknown_kind_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(SettingError, match="reddit, json, csv, tsv, parquet, found 'excel'"):
        open_source(Path("x"), ReadOptions(kind="excel"))


def test_pyarrow_is_imported_only_for_parquet() -> None:
    code = (
        "import pathlib, producers.sources as s; s.open_source(pathlib.Path('x.csv')); import sys; print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    ).stdout
    assert "producers.sources.table" in modules.split()
    assert "pyarrow" not in modules.split()


def test_files_stand_for_themselves_in_their_order(tmp_path: Path) -> None:
    paths = touch(tmp_path, "b.txt", "a")
    assert expand(paths) == paths


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
    touch(tmp_path, "README.md", "RC_2005-12.zst.sha256", ".hidden.csv", ".git/x.json", "x.txt", "RC_2005-12.torrent")
    assert expand([tmp_path]) == sorted(known)


def test_the_same_file_is_taken_once(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "x.csv")
    (tmp_path / "y.csv").symlink_to(path)
    assert expand([path, tmp_path, tmp_path / "." / "x.csv"]) == [path]


def test_links_that_leave_the_folder_are_not_followed(tmp_path: Path) -> None:
    (outside,) = touch(tmp_path, "outside/x.csv")
    (inside,) = touch(tmp_path, "inside/a.csv")
    (inside.parent / "x.csv").symlink_to(outside)
    (inside.parent / "folder").symlink_to(outside.parent)
    (inside.parent / "loop").symlink_to(inside.parent)
    (inside.parent / "broken.csv").symlink_to(tmp_path / "nowhere")
    assert expand([inside.parent]) == [inside]


def test_a_path_that_is_no_source_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in [
        (tmp_path / "nowhere", "does not exist"),
        (tmp_path, "holds no dump and no table"),
        (tmp_path / "pipe", "cannot be read twice"),
    ]:
        with pytest.raises(SourceError, match=message):
            expand([path])


def test_a_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    data = bytes(300_000)
    first, copy, longer, begun, ended = (tmp_path / name for name in "abcde")
    for path, content in [
        (first, data),
        (copy, data),
        (longer, data + b"\0"),
        (begun, b"x" + data[1:]),
        (ended, data[1:] + b"x"),
    ]:
        path.write_bytes(content)
    os.utime(copy, (0, 0))
    assert fingerprint(first) == fingerprint(copy)
    assert len({fingerprint(path) for path in (first, longer, begun, ended)}) == 4


def test_small_files_have_fingerprints_too(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "one").write_bytes(b"x")
    assert fingerprint(tmp_path / "empty") != fingerprint(tmp_path / "one")


def test_a_missing_file_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere cannot be read"):
        fingerprint(tmp_path / "nowhere")
