"""Parquet: only the needed columns, by batches."""

import gzip
import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from moodmill.db.analytics.selection import SCHEMA
from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.errors import NoSourceError, SourceError
from moodmill.db.core.payload import PAYLOAD_LIMIT, is_cut
from moodmill.producers.sources import Columns, Place, ReadOptions, arrow_table, open_source
from moodmill.producers.sources.arrow_table import BATCH
from moodmill.producers.sources.columns import find_fields
from moodmill.producers.sources.layout import Fields
from moodmill.producers.sources.record import Bad
from tests.producers.sources.test_support import comments, only, read, read_all, texts

MOMENT = datetime(2015, 11, 3, 12, 30, tzinfo=UTC)


def parquet(folder: Path, columns: dict[str, Any], rows_a_group: int = 1000) -> Path:
    path = folder / "x.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=rows_a_group)
    return path


def test_known_columns_are_found(tmp_path: Path) -> None:
    columns = {"Body": ["a &lt; b"], "id": [12], "score": [1], "user": ["bob"], "subreddit": [None]}
    comment = only(read_all(open_source(parquet(tmp_path, columns)))).comment
    assert (comment.text, comment.id, comment.author, comment.subreddit) == ("a < b", "12", "bob", None)


def test_a_time_is_utc_and_what_is_none_loses_no_comment(tmp_path: Path) -> None:
    created = pa.array([MOMENT, None, 2**62], pa.timestamp("us", tz="Asia/Tokyo"))
    source = open_source(parquet(tmp_path, {"text": ["a", "b", "c"], "created_at": created}))
    assert [comment.created_at for comment in comments(read_all(source))] == [MOMENT, None, None]


def test_times_of_spark_and_hive_keep_their_years(tmp_path: Path) -> None:
    moments = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)]
    table = pa.table({"text": ["a", "b"], "created_at": pa.array(moments, pa.timestamp("us", tz="UTC"))})
    pq.write_table(table, tmp_path / "x.parquet", use_deprecated_int96_timestamps=True)
    found = comments(read_all(open_source(tmp_path / "x.parquet")))
    assert [comment.created_at for comment in found] == moments


def test_a_text_that_is_no_utf_8_is_a_dead_letter_that_can_be_mended(tmp_path: Path) -> None:
    # Given a text in Latin-1 between two others
    column = pa.array(["é".encode(), b"caf\xe9 \xff", b"c"]).view(pa.string())
    source = open_source(parquet(tmp_path, {"text": column, "id": ["1", "2", "3"], "user": ["ü", "ü", None]}))
    # then it alone is bad, and its bytes are told
    first, bad, last = read_all(source)
    assert [only([record]).comment.text for record in (first, last)] == ["é", "c"]
    assert isinstance(bad, Bad)
    assert bad.error == "expected UTF-8 in column 'text', found byte 0xe9 at 3, in b'caf\\xe9 \\xff'"
    assert json.loads(bad.payload)["text"].encode("utf-8", "surrogateescape") == b"caf\xe9 \xff"
    # and it stays bad until somebody mends it
    assert source.parse(bad.payload, 1) == bad
    mended = only([source.parse(bad.payload.replace(r"\udce9 \udcff", "é"), 1)]).comment
    assert (mended.text, mended.id, mended.author) == ("café", "2", "ü")


@pytest.mark.parametrize("field", ["id", "author", "subreddit", "created_at"])
def test_bytes_that_are_no_utf_8_are_bad_in_any_field_that_is_used(tmp_path: Path, field: str) -> None:
    columns = {"text": ["a", "b"], "unused": pa.array([b"\xff", b"\xff"]), field: pa.array([b"\xff", b"b"])}
    bad, good = read_all(open_source(parquet(tmp_path, columns)))
    assert isinstance(bad, Bad)
    assert f"UTF-8 in column '{field}'" in bad.error
    assert only([good]).comment.text == "b"


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


def test_a_start_within_a_row_group_is_found(tmp_path: Path) -> None:
    rows = 3 * BATCH
    path = parquet(tmp_path, {"text": [str(n) for n in range(rows)]}, rows_a_group=rows)
    assert texts(open_source(path))[-5:] == [str(n) for n in range(rows - 5, rows)]
    assert [comment.text for comment in comments(read_all(open_source(path), rows - 5))] == texts(open_source(path))[
        -5:
    ]


def test_columns_that_are_not_needed_are_not_read(tmp_path: Path) -> None:
    # Given a file in which all columns are damaged but one within a struct
    data = pa.array([{"score": n, "body": f"comment {n}"} for n in range(9)])
    path = parquet(tmp_path, {"before": list(range(9)), "data": data, "after": ["x"] * 9})
    group, content = pq.read_metadata(path).row_group(0), bytearray(path.read_bytes())
    chunks = [group.column(number) for number in range(group.num_columns)]
    assert [chunk.path_in_schema for chunk in chunks] == ["before", "data.score", "data.body", "after"]
    for chunk in (chunks[0], chunks[1], chunks[3]):
        start = chunk.dictionary_page_offset or chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    # then that one is read
    source = open_source(path, ReadOptions(columns=Columns(text="data.body")))
    assert texts(source) == [f"comment {n}" for n in range(9)]


def test_two_columns_of_one_name_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    columns = [["1", "2"], ["a", "b"], ["bob", "eve"], ["3", "4"], ["c", "d"]]
    pq.write_table(pa.table([pa.array(one) for one in columns], ["id", "text", "author", "id", "lang"]), path)
    with pytest.raises(SourceError, match=r"2 columns 'id', numbers 1 and 4: .* --id-column 1"):
        open_source(path).inspect()
    for number, ids in (("1", ["1", "2"]), ("4", ["3", "4"])):
        found = comments(read_all(open_source(path, ReadOptions(columns=Columns(id=number)))))
        assert [(comment.id, comment.author) for comment in found] == list(zip(ids, ["bob", "eve"], strict=True))


def test_two_columns_of_one_name_do_no_harm_where_they_are_not_used(tmp_path: Path) -> None:
    table = pa.table([pa.array([one]) for one in ("x", "a", "y")], ["lang", "text", "lang"])
    pq.write_table(table, tmp_path / "x.parquet")
    assert texts(open_source(tmp_path / "x.parquet")) == ["a"]


def test_folders_of_keys_and_values_are_columns(tmp_path: Path) -> None:
    folder = tmp_path / "subreddit=Ask%20Me" / "author=__HIVE_DEFAULT_PARTITION__" / "created=2015-11-03"
    folder.mkdir(parents=True)
    comment = only(read_all(open_source(parquet(folder, {"text": ["a"], "id": ["1"]})))).comment
    assert (comment.subreddit, comment.author, comment.created_at) == (
        "Ask Me",
        None,
        datetime(2015, 11, 3, tzinfo=UTC),
    )


def test_a_column_goes_before_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "subreddit=cats"
    folder.mkdir()
    comment = only(read_all(open_source(parquet(folder, {"text": ["a"], "Subreddit": ["dogs"]})))).comment
    assert comment.subreddit == "dogs"


def test_a_dead_letter_knows_the_folders(tmp_path: Path) -> None:
    folder = tmp_path / "subreddit=cats"
    folder.mkdir()
    source = open_source(parquet(folder, {"text": ["a"], "id": ["1" * (MAX_ID + 1)]}))
    (bad,) = read_all(source)
    assert isinstance(bad, Bad)
    assert only([source.parse('{"text": "a", "id": "1"}', 0)]).comment.subreddit == "cats"


def test_a_file_may_have_a_name_of_any_bytes(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["a"]}).rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.parquet"))
    assert texts(open_source(path)) == ["a"]


@pytest.mark.parametrize("folder", ["", "month=2024-03"])
@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA.remove_metadata(), SCHEMA.append(pa.field("mine", pa.string()))])
def test_an_export_is_no_source(tmp_path: Path, schema: pa.Schema, folder: str) -> None:
    path = tmp_path / folder / "x.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(schema.empty_table(), path)
    with pytest.raises(NoSourceError, match=r"x\.parquet is an export of moodmill's"):
        open_source(path).inspect()


def test_texts_taken_from_an_export_are_a_source(tmp_path: Path) -> None:
    pq.write_table(SCHEMA.empty_table().select(["comment_id", "text"]), tmp_path / "x.parquet")
    assert read_all(open_source(tmp_path / "x.parquet")) == []


def test_the_first_rows_tell_the_times_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[Sequence[object]] = []

    def sampling(options: ReadOptions, names: Sequence[str], rows: Iterable[Sequence[object]], place: Place) -> Fields:
        sampled.extend(rows)
        return find_fields(options, names, (), place)

    monkeypatch.setattr(arrow_table, "find_fields", sampling)
    columns = {"text": ["a", "b"], "Time": ["10/5/2022", None], "data": [{"at": 5.0}, {"at": float("nan")}]}
    open_source(parquet(tmp_path, columns), ReadOptions(columns=Columns(created_at="data.at"))).inspect()
    assert sampled == [(None, "10/5/2022", None, 5.0), (None, None, None, None)]
    sampled.clear()
    open_source(parquet(tmp_path, {"text": ["a"]})).inspect()
    assert sampled == []


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


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["a"]})
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(SourceError, match="is damaged or no Parquet file"):
        open_source(path).inspect()


def test_a_page_that_is_not_what_was_written_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"text": ["a comment", "another"]})
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none")
    path.write_bytes(path.read_bytes().replace(b"another", b"another"[::-1]))
    _, error = read(open_source(path))
    assert "CRC" in str(error)


def test_what_is_encrypted_or_compressed_as_a_whole_is_told(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"text": ["a"]})
    data = path.read_bytes()
    path.write_bytes(b"PARE" + data[4:-4] + b"PARE")
    with pytest.raises(SourceError, match="is encrypted: decrypt it first"):
        open_source(path).inspect()
    path.write_bytes(gzip.compress(data))
    with pytest.raises(SourceError, match="is Parquet within gzip: unpack it first"):
        open_source(path).inspect()


def test_a_codec_that_is_unknown_here_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"]}), path, compression="snappy")
    # The codec's number follows the column's name in the metadata, as thrift writes numbers: 1 is Snappy, 3 is LZO.
    head, name, tail = path.read_bytes().rpartition(b"\x04text\x15")
    assert tail[:1] == b"\x02"
    path.write_bytes(head + name + b"\x06" + tail[1:])
    _, error = read(open_source(path))
    assert "holds what cannot be read: " in str(error)
    assert "LZO" in str(error)


def test_a_file_of_another_format_is_told(tmp_path: Path) -> None:
    feather.write_feather(pa.table({"text": ["a"]}), str(tmp_path / "x.parquet"))
    with pytest.raises(SourceError, match="is no Parquet file: --format arrow reads it"):
        open_source(tmp_path / "x.parquet").inspect()


def test_names_of_columns_that_are_no_utf_8_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"], "caf\u00e9": ["b"]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace("f\u00e9".encode(), b"f\xe9e"))
    with pytest.raises(SourceError, match="has columns whose names are no UTF-8"):
        open_source(path).inspect()


def test_a_file_of_no_columns_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no columns"):
        open_source(parquet(tmp_path, {})).inspect()


def test_a_folder_or_a_missing_archive_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").mkdir()
    with pytest.raises(SourceError, match=r"x\.parquet"):
        open_source(tmp_path / "x.parquet").inspect()
    with pytest.raises(SourceError, match=r"x\.zip cannot be read"):
        open_source(Place.at(tmp_path / "x.zip", "x.parquet")).inspect()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"x\.parquet cannot be read"):
        open_source(tmp_path / "x.parquet").inspect()


def test_a_text_column_must_exist_and_hold_texts(tmp_path: Path) -> None:
    path = parquet(tmp_path, {"words": [["a"]], "text": [{"body": "a"}]})
    with pytest.raises(SourceError, match=r"found 'words: list<.*'text: struct<.*'text\.body'; name the right one by"):
        open_source(path).inspect()
    for asked in ("words", "1"):
        with pytest.raises(SourceError, match=r"expected texts in column 'words', found list.*as in words\.0"):
            open_source(path, ReadOptions(columns=Columns(text=asked))).inspect()
    with pytest.raises(SourceError, match=r"column 'text', found struct.* --author-column, .* as in text\.body"):
        open_source(path, ReadOptions(columns=Columns(text="words.0", author="text"))).inspect()


def test_a_row_that_is_too_long_to_be_kept_is_read_again(tmp_path: Path) -> None:
    source = open_source(parquet(tmp_path, {"text": ["a" * PAYLOAD_LIMIT], "id": ["1" * (MAX_ID + 1)]}))
    (bad,) = read_all(source)
    assert isinstance(bad, Bad)
    assert (is_cut(bad.payload), len(bad.payload) < PAYLOAD_LIMIT) == (True, True)
    assert source.parse(bad.payload, 0) == bad


def test_a_day_and_the_time_of_day_in_two_columns_are_one_moment(tmp_path: Path) -> None:
    moments = [MOMENT, MOMENT.replace(hour=1, microsecond=250_000)]
    days = pa.array([moment.date() for moment in moments], pa.date32())
    for kind in (pa.time64("us"), pa.time64("ns"), pa.time32("ms")):
        clocks = pa.array([moment.time() for moment in moments], pa.time64("us")).cast(kind)
        source = open_source(parquet(tmp_path, {"text": ["a", "b"], "date": days, "time": clocks}))
        assert [comment.created_at for comment in comments(read_all(source))] == moments


def test_what_is_said_of_records_within_records(tmp_path: Path) -> None:
    inner = [{"author": "bob", "body": "yes"}]
    columns = {"text": ["a"], "comments": [inner], "about": [{"replies": inner, "tags": [{"text": "x"}]}]}
    source = open_source(parquet(tmp_path, columns))
    assert source.inspect().fields.unread == ("comments", "about.replies")
