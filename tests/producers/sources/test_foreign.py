"""Files of kinds that are not read: each named in one line that says what to do."""

import io
import sqlite3
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, ReadOptions, open_source
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.foreign import FOREIGN, foreign_head, foreign_name
from moodmill.producers.sources.seekable import opened
from tests.producers.sources.test_support import COMPRESS, comment_line, texts


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "text\na\n")
    return buffer.getvalue()


def tar_head(magic: bytes) -> bytes:
    return b"x.csv".ljust(257, b"\0") + magic.ljust(255, b"\0")


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"text": ["a"]}), buffer)
    return buffer.getvalue()


def feather() -> bytes:
    buffer = io.BytesIO()
    pyarrow.feather.write_feather(pa.table({"text": ["a"]}), buffer)
    return buffer.getvalue()


def database(folder: Path) -> bytes:
    path = folder / "made"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (text)")
    connection.close()
    return path.read_bytes()


HEADS = {
    "a zip archive": zipped("a.csv"),
    "a tar archive": tar_head(b"ustar\x0000"),
    "an Excel workbook": zipped("[Content_Types].xml", "xl/workbook.xml"),
    "an OpenDocument file": b"PK\3\4" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
    "a 7-Zip archive": b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive": b"Rar!\x1a\x07\x01\0",
    "an old file of Excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500),
    "Parquet where text is expected": parquet(),
    "Arrow or Feather where text is expected": feather(),
    "a web page": b"\xef\xbb\xbf\n<!DOCTYPE HTML>\n<html>",
    "an XML file": b'<?xml version="1.0"?><posts/>',
    "a PDF": b"%PDF-1.7\n",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a pickle of Python": b"\x80\x04\x95\x10\0",
}


def error_of(path: Path, options: ReadOptions | None = None) -> str:
    with pytest.raises(SourceError) as raised:
        open_source(path, options or ReadOptions()).inspect()
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("file", ["RC_x", "x.csv", "x.csv.gz", "x.zst", "x.unknown"])
def test_what_begins_as_another_kind_is_named_whatever_its_name(tmp_path: Path, name: str, file: str) -> None:
    path = tmp_path / file
    path.write_bytes(HEADS[name])
    assert f"{path} is {name}" in error_of(path)
    assert f"{path} is {name}" in error_of(path, ReadOptions(kind="csv"))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_so_is_what_a_compression_holds(tmp_path: Path, suffix: str) -> None:
    for name, head in HEADS.items():
        path = tmp_path / f"x.csv{suffix}"
        path.write_bytes(COMPRESS[suffix](head))
        assert f"{path} is {name}" in error_of(path)


def test_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "RC_x"
    path.write_bytes(database(tmp_path))
    assert f"{path} is an SQLite database, which is not read: write its table" in error_of(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.7z", "a 7-Zip archive"),
        ("x.RAR", "a RAR archive"),
        ("x.xlsx", "an Excel workbook"),
        ("x.xls", "an Excel workbook"),
        ("x.ods", "an OpenDocument file"),
        ("x.sqlite3", "an SQLite database"),
        ("x.pdf", "a PDF"),
        ("x.zip.001", "one part of"),
        ("RC_2005-12.zst.part", "an unfinished download"),
    ],
)
def test_a_name_tells_as_well_unless_the_kind_is_named(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    path.write_bytes(comment_line(1))
    assert f"{path} is {kind}" in error_of(path)
    assert texts(open_source(path, ReadOptions(kind="reddit"))) == ["comment 1"]


def test_what_text_may_begin_with_names_no_kind(tmp_path: Path) -> None:
    texts_of_all_kinds = [
        b"PAR1,text\n1,a\n",
        b"ORCID,text\n1,a\n",
        b"text\n" + b"a" * 252 + b"ustard on it\n",
        b"Rar!,text\n",
        b"PK,text\n",
        b"<b>,text\n",
        b"",
    ]
    for content in texts_of_all_kinds:
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        assert b"".join(ByteStream(Place.at(path))) == content


def test_a_file_that_is_passed_over_is_told_by_its_name_or_its_head() -> None:
    for name, head, kind in [
        ("x.7z", b"", "a 7-Zip archive"),
        ("x", b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
        ("README.md", b"# a", None),
    ]:
        found = foreign_name(Path(name)) or foreign_head(head)
        assert (found and found.name) == kind


def test_no_suffix_and_no_magic_is_of_two_kinds() -> None:
    def twice(values: Sequence[object]) -> bool:
        return len(values) != len(set(values))

    assert not twice([suffix for kind in FOREIGN for suffix in kind.suffixes])
    assert not twice([magic for kind in FOREIGN for magic in kind.magics])
    assert foreign_name(Path("x.csv")) is None


@pytest.mark.parametrize("suffix", COMPRESS)
def test_parquet_in_a_compression_is_an_error_that_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.parquet{suffix}"
    path.write_bytes(COMPRESS[suffix](parquet()))
    assert "is Parquet within" in error_of(path)


def test_what_is_no_parquet_is_named_by_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(HEADS["a pointer of Git LFS"])
    assert "is a pointer of Git LFS to the file, which is not read: fetch the file itself" in error_of(path)
    path.write_bytes(parquet())
    with opened(Place.at(path)) as file:
        assert file.read() == parquet()
