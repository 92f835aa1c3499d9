"""Which files a command reads, as which kind, and whether they are still the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from moodmill.db.core.errors import SettingError, SourceError
from moodmill.producers.sources import Columns, ReadOptions, fingerprint, open_source


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
        ("x.parq", "ParquetFile"),
        ("X.Feather", "ArrowFile"),
        ("data-00000-of-00001.arrow", "ArrowFile"),
        ("x.arrows", "ArrowFile"),
        ("x.ipc", "ArrowFile"),
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
    with pytest.raises(SettingError, match="reddit, json, csv, tsv, parquet, arrow, found 'excel'"):
        open_source(Path("x"), ReadOptions(kind="excel"))


def test_pyarrow_is_imported_only_for_parquet() -> None:
    code = (
        "import pathlib, sys; from moodmill.producers.sources import open_source\n"
        "open_source(pathlib.Path('x.csv')); print(*sys.modules)"
    )
    modules = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    ).stdout
    assert "moodmill.producers.sources.table" in modules.split()
    assert "pyarrow" not in modules.split()


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
