"""CSV and TSV: any producer's columns, and rows that end no reading."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.errors import SourceError
from moodmill.db.core.payload import PAYLOAD_LIMIT, kept_payload
from moodmill.producers.sources import Columns, ReadOptions, open_source
from moodmill.producers.sources.record import Bad, Source
from tests.producers.sources.test_support import (
    COMPRESS,
    bads,
    comments,
    only,
    position_of,
    read,
    read_all,
    texts,
    write,
)


def table(folder: Path, data: str | bytes, columns: Columns | None = None) -> Source:
    return open_source(write(folder / "x.csv", data), ReadOptions(columns=columns or Columns()))


def test_known_columns_are_found_whatever_their_case_and_order(tmp_path: Path) -> None:
    source = table(tmp_path, "Author,BODY,Score, Subreddit ,created_utc,ID\nbob,a &lt; b,3,python,1134365188,c1\n")
    comment = only(read_all(source)).comment
    assert (comment.id, comment.text, comment.author, comment.subreddit) == ("c1", "a < b", "bob", "python")
    assert comment.created_at == datetime(2005, 12, 12, 5, 26, 28, tzinfo=UTC)


def test_the_likeliest_name_wins(tmp_path: Path) -> None:
    assert texts(table(tmp_path, "message,text\nno,yes\n")) == ["yes"]


def test_columns_can_be_named(tmp_path: Path) -> None:
    source = table(tmp_path, "text,Note,key\nno,yes,k1\n", Columns(text="note", id="key"))
    assert only(read_all(source)).comment.text == "yes"
    assert only(read_all(source)).comment.id == "k1"


def test_a_missing_text_column_is_an_error_that_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"found 'id', 'words'; name the right one by --text-column"):
        table(tmp_path, "id,words\n1,a\n").inspect()


def test_a_column_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    source = table(tmp_path, "id,text\n1,a\n", Columns(author="poster"))
    with pytest.raises(SourceError, match=r"expected 'poster', found 'id', 'text'; .* --author-column"):
        source.inspect()


@pytest.mark.parametrize("data", ["", "\n\n", "\r\n"])
def test_an_empty_table_is_an_error(tmp_path: Path, data: str) -> None:
    with pytest.raises(SourceError, match="is empty"):
        table(tmp_path, data).inspect()


def test_a_header_that_csv_cannot_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no header"):
        table(tmp_path, '"text\n').inspect()


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert texts(table(tmp_path, '\ufeff"text",id\nyes,1\n')) == ["yes"]


def test_rows_without_an_id_are_named_by_file_position_and_text(tmp_path: Path) -> None:
    def ids(content: str) -> list[str]:
        return [comment.id for comment in comments(read_all(table(tmp_path, content)))]

    first = ids("id,text\n7,a\n,b\n")
    assert first[0] == "7"
    assert first[1].startswith("x.csv:1:")
    # the same again in a file that grew; another for another text, though file and position are the same
    assert ids("id,text\n7,a\n,b\n,c\n")[:2] == first
    assert ids("id,text\n7,a\n,other\n")[1] != first[1]


def test_empty_fields_are_none(tmp_path: Path) -> None:
    comment = only(read_all(table(tmp_path, "text,author,subreddit,date\na,,,\n"))).comment
    assert (comment.author, comment.subreddit, comment.created_at) == (None, None, None)


def test_texts_that_are_gone_are_told(tmp_path: Path) -> None:
    found = read_all(table(tmp_path, "text\n[deleted]\n[removed]\nhere\n"))
    assert [getattr(record, "gone", "bad") for record in found] == ["deleted", "removed", None]


def test_a_quoted_field_may_hold_newlines_quotes_and_delimiters(tmp_path: Path) -> None:
    assert texts(table(tmp_path, 'id,text\n1,"a\nb, ""c""\n\nd"\n2,e\n')) == ['a\nb, "c"\n\nd', "e"]


def test_tsv_is_cut_at_tabs(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.tsv", "id\ttext\n1\ta, b\n"))
    assert texts(source) == ["a, b"]


def test_bad_rows_do_not_end_the_reading(tmp_path: Path) -> None:
    found = read_all(table(tmp_path, "id,text\n1,a\n2\n\n3,b,c\n4,a\rb\n5,e\n"))
    assert [position_of(record) for record in found] == [0, 1, 2, 3, 4]
    assert [bad.payload for bad in bads(found)] == ["2", "3,b,c", "4,a\rb"]
    assert [bad.error for bad in bads(found)] == [
        "line 3: expected 2 fields as in the header, found 1",
        "line 5: expected 2 fields as in the header, found 3",
        "line 6: expected carriage returns to stand within quotes, found one without",
    ]
    assert [comment.id for comment in comments(found)] == ["1", "5"]


def test_an_id_that_no_index_takes_is_bad_and_reading_goes_on(tmp_path: Path) -> None:
    bad, good = read_all(table(tmp_path, f"id,text\n{'x' * (MAX_ID + 1)},first\nb,second\n"))
    assert isinstance(bad, Bad)
    assert bad.error.startswith("line 2: expected an id")
    assert only([good]).comment.id == "b"


def test_nul_does_not_stop_it(tmp_path: Path) -> None:
    assert texts(table(tmp_path, b"text\na\0b\nc\n")) == ["a\ufffdb", "c"]


def test_an_overlong_line_is_one_bad_record(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "x.csv.zst", b"id,text\n1," + b"x" * 40_000_000 + b"\n2,b\n"))
    overlong, after = read_all(source)
    assert isinstance(overlong, Bad)
    assert overlong.error == "line 2: line of 40000002 bytes; at most 16 MiB are read"
    assert only([after]).comment.position == 1


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_truncated_table_gives_a_prefix_and_then_an_error(tmp_path: Path, suffix: str) -> None:
    compress = COMPRESS[suffix]
    path = tmp_path / f"x.csv{suffix}"
    path.write_bytes(compress(b"text\na\nb\nunfini") + compress(b"shed\nc\n")[:-5])
    found, error = read(open_source(path))
    assert error is not None
    assert [comment.text for comment in comments(found)][:2] == ["a", "b"]
    assert "unfini" not in [comment.text for comment in comments(found)]


def test_the_payload_of_a_bad_row_can_be_mended_and_parsed(tmp_path: Path) -> None:
    source = table(tmp_path, "id,text\n1\n")
    (bad,) = bads(read_all(source))
    assert source.parse(bad.payload, 0) == bad
    assert only([source.parse(f'{bad.payload},"now\nwhole"', 0)]).comment.text == "now\nwhole"


@pytest.mark.parametrize("payload", ["", "1,a\n2,b", kept_payload("1," + "x" * PAYLOAD_LIMIT), '1,"open'])
def test_a_payload_that_is_not_one_whole_row_stays_bad(tmp_path: Path, payload: str) -> None:
    assert isinstance(table(tmp_path, "id,text\n").parse(payload, 0), Bad)
