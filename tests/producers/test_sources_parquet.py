"""Parquet: only the needed columns, by batches."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from db.comment import MAX_ID
from db.errors import SourceError
from producers.record import Bad
from producers.sources import Columns, ReadOptions, open_source
from tests.producers.test_sources_support import comments, only, read, read_all, texts

MOMENT = datetime(2015, 11, 3, 12, 30, tzinfo=UTC)


def parquet(folder: Path, columns: dict[str, Any], rows_a_group: int = 1000) -> Path:
    path = folder / "x.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=rows_a_group)
    return path


def test_known_columns_are_found(tmp_path: Path) -> None:
    columns = {"Body": ["a &lt; b"], "id": [12], "score": [1], "user": ["bob"], "subreddit": [None]}
    comment = only(read_all(open_source(parquet(tmp_path, columns)))).comment
    assert (comment.text, comment.id, comment.author, comment.subreddit) == ("a < b", "12", "bob", None)


@pytest.mark.parametrize(
    "created",
    [
        *(pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp(unit)) for unit in ("s", "ms", "us", "ns")),
        pa.array([MOMENT], pa.timestamp("us", tz="Asia/Tokyo")),
        pa.array([1446553800]),
        pa.array([1446553800.0]),
        pa.array(["1446553800"]),
        pa.array(["2015-11-03T12:30:00"]),
    ],
)
def test_times_of_any_type_are_utc(tmp_path: Path, created: pa.Array) -> None:
    source = open_source(parquet(tmp_path, {"text": ["a"], "created_at": created}))
    assert only(read_all(source)).comment.created_at == MOMENT


@pytest.mark.parametrize("created", [pa.array([2**62], pa.timestamp("us")), pa.array([None], pa.timestamp("ns"))])
def test_times_that_are_none_do_not_lose_the_comment(tmp_path: Path, created: pa.Array) -> None:
    source = open_source(parquet(tmp_path, {"text": ["a"], "created_at": created}))
    assert only(read_all(source)).comment.created_at is None


def test_a_date_is_its_first_moment(tmp_path: Path) -> None:
    source = open_source(parquet(tmp_path, {"text": ["a"], "date": [date(2015, 11, 3)]}))
    assert only(read_all(source)).comment.created_at == datetime(2015, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a\0", "é"], pa.large_string()),
        pa.array(["a\0", "é"]).dictionary_encode(),
        pa.array([b"a\0", "é".encode()]),
    ],
)
def test_texts_may_be_stored_in_any_way(tmp_path: Path, column: pa.Array) -> None:
    assert texts(open_source(parquet(tmp_path, {"text": column}))) == ["a\ufffd", "é"]


def test_a_text_of_broken_utf_8_does_not_stop_it(tmp_path: Path) -> None:
    column = pa.array([b"\xff", b"b"]).view(pa.string())
    assert texts(open_source(parquet(tmp_path, {"text": column}))) == ["\ufffd", "b"]


def test_a_null_text_is_empty_as_elsewhere(tmp_path: Path) -> None:
    found = comments(read_all(open_source(parquet(tmp_path, {"text": ["a", None, ""], "id": ["1", "2", "3"]}))))
    assert [(comment.id, comment.text) for comment in found] == [("1", "a"), ("2", ""), ("3", "")]


def test_a_bad_row_can_be_mended(tmp_path: Path) -> None:
    source = open_source(parquet(tmp_path, {"text": ["a", "b"], "id": ["1", "2" * (MAX_ID + 1)]}))
    _, bad = read_all(source)
    assert isinstance(bad, Bad)
    assert source.parse(bad.payload, 1) == bad
    assert only([source.parse(bad.payload.replace("2" * (MAX_ID + 1), "2"), 1)]).comment.id == "2"


@pytest.mark.parametrize("payload", ["", "[]", "{", "[" * 100_000])
def test_a_payload_that_is_no_row_stays_bad(payload: str) -> None:
    assert isinstance(open_source(Path("x.parquet")).parse(payload, 0), Bad)


def test_whole_row_groups_before_the_start_are_not_read(tmp_path: Path) -> None:
    # Given a file whose first row group is damaged
    path = parquet(tmp_path, {"text": [f"comment {n}" for n in range(20)]}, rows_a_group=10)
    chunk = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    first = chunk.dictionary_page_offset or chunk.data_page_offset
    data[first : first + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(data)
    # then a reading from the second on does not notice, and one from the first says so
    assert [comment.position for comment in comments(read_all(open_source(path), 12))] == list(range(12, 20))
    found, error = read(open_source(path))
    assert found == []
    assert "is damaged or no Parquet file" in str(error)


def test_ids_of_rows_without_one_name_the_file(tmp_path: Path) -> None:
    ids = [comment.id for comment in comments(read_all(open_source(parquet(tmp_path, {"text": ["a", "b"]}))))]
    assert [one.rsplit(":", 1)[0] for one in ids] == ["x.parquet:0", "x.parquet:1"]


def test_a_file_of_no_rows_has_no_records(tmp_path: Path) -> None:
    source = open_source(parquet(tmp_path, {"text": pa.array([], pa.string())}))
    source.inspect()
    assert read_all(source) == []


@pytest.mark.parametrize("data", [b"", b"PAR1", b"id,text\n1,a\n"])
def test_what_is_no_parquet_file_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is damaged or no Parquet file"):
        open_source(path).inspect()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"x\.parquet cannot be read"):
        open_source(tmp_path / "x.parquet").inspect()


def test_a_text_column_must_exist_and_hold_texts(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"words": [["a"]]})
    with pytest.raises(SourceError, match=r"found 'words'; name the right one by --text-column"):
        open_source(path).inspect()
    with pytest.raises(SourceError, match="expected texts in column 'words', found list"):
        open_source(path, ReadOptions(columns=Columns(text="words"))).inspect()
