"""Objects as rows: which of their values is what of a comment, and which rows are none."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Columns, ReadOptions, open_source
from moodmill.producers.sources.jsonvalue import pick
from moodmill.producers.sources.record import Bad, Parsed, Source
from tests.producers.sources.test_support import bads, comments, only, read_all, texts, write


def table(folder: Path, *rows: object, **columns: str) -> Source:
    written = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    return open_source(write(folder / "x.jsonl", written), ReadOptions(columns=Columns(**columns)))


def test_reviews_are_labelled_by_their_text_and_not_by_their_title(tmp_path: Path) -> None:
    source = table(tmp_path, {"id": "r1", "title": "Four stars", "text": "I love it", "timestamp": 1_700_000_000})
    assert source.inspect().fields.ids == "table"
    comment = only(read_all(source)).comment
    assert (comment.id, comment.text) == ("r1", "I love it")
    assert comment.created_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_columns_may_be_named_by_dotted_paths(tmp_path: Path) -> None:
    row = {"tweet": {"words": "a", "ids": [{"n": 7}]}, "by": {"name": "alice"}, "a.b": {"c": "python"}, "text": "no"}
    source = table(tmp_path, row, text="tweet.words", id="tweet.ids.0.n", author="by.name", subreddit="a.b.c")
    comment = only(read_all(source)).comment
    assert (comment.text, comment.id, comment.author, comment.subreddit) == ("a", "7", "alice", "python")


def test_named_columns_find_rows_in_documents(tmp_path: Path) -> None:
    document = {"items": [{"snippet": {"top": {"words": f"text {n}"}}} for n in range(2)], "text": "of the page"}
    path = write(tmp_path / "x.json", json.dumps(document))
    assert texts(open_source(path, ReadOptions(columns=Columns(text="snippet.top.words")))) == ["text 0", "text 1"]


def test_columns_named_for_reddits_records_make_a_table_of_them(tmp_path: Path) -> None:
    row = {"id": "c1", "body": "a", "note": "b", "subreddit": "python"}
    assert table(tmp_path, row).inspect().kind == "reddit"
    source = table(tmp_path, row, text="note")
    assert (source.inspect().kind, texts(source)) == ("json", ["b"])


def test_columns_that_are_only_in_later_rows_are_found(tmp_path: Path) -> None:
    source = table(tmp_path, {"text": "a"}, *[{"text": "b"}] * 500, {"text": "c", "user": "alice"})
    assert comments(read_all(source))[-1].author == "alice"


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"a": {"b": 1}}, "a.b", 1),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", 1),
        ({"a.b": {"c": 1}}, "a.b.c", 1),
        ({"a": [[5], {"b": 6}]}, "a.0.0", 5),
        ({"a": [[5], {"b": 6}]}, "a.1.b", 6),
        ({"a": [5]}, "a.1", None),
        ({"a": [5]}, "a.-1", None),
        ({"a": [5]}, "a.b", None),
        ({"a": "b"}, "a.b", None),
        ({"a": {"b": {"c": None}}}, "a.b.c.d", None),
    ],
)
def test_a_path_leads_to_one_value(value: object, path: str, found: object) -> None:
    assert pick(value, path) == found


def test_a_row_without_text_is_empty_and_one_with_another_value_bad(tmp_path: Path) -> None:
    odd: list[object] = [{"text": None}, {"id": 1}, {"text": ["a"]}, {"text": {"a": 1}}, {"text": True}, {"text": 5}]
    first, *records = read_all(table(tmp_path, {"text": "a"}, *odd))
    assert isinstance(first, Parsed)
    assert [one.comment.text if isinstance(one, Parsed) else one.error for one in records] == [
        "",
        "",
        "expected a text in 'text', found an array",
        "expected a text in 'text', found an object",
        "expected a text in 'text', found true",
        "5",
    ]


def test_lines_that_are_no_rows_are_bad_and_cost_nothing_else(tmp_path: Path) -> None:
    odd = ["", '{"text": "b"', "[1]", "7", "null", '"text"', "[" * 100_000, '{"a":' * 100_000, "{'text': 1}"]
    source = table(tmp_path, {"text": "a"}, *odd, {"text": "z"})
    assert texts(source) == ["a", "z"]
    assert [one.position for one in bads(read_all(source))] == [2, 3, 4, 5, 6, 7, 8, 9]
    for one in bads(read_all(source)):
        assert one.error.startswith("expected a JSON object, found ")
        assert source.parse(one.payload, one.position) == one


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"\ud83d alone", "\ufffd alone"),
        (rb"\ud83d\ude00", "😀"),
        (rb"nul \u0000", "nul \ufffd"),
        (b"raw \t tab", "raw \t tab"),
        ("line\u2028separator\r".encode(), "line\u2028separator\r"),
    ],
)
@pytest.mark.parametrize("form", [b"%b\n%b", b"[%b,%b]"])
def test_odd_characters_do_not_lose_the_row(tmp_path: Path, written: bytes, text: str, form: bytes) -> None:
    row = b'{"text":"' + written + b'","user":"' + written + b'","score":NaN,"n":-Infinity}'
    found = comments(read_all(open_source(write(tmp_path / "x.json", form % (row, row)))))
    assert [(one.text, one.author) for one in found] == [(text, text.strip())] * 2


@pytest.mark.parametrize("form", [b"%b\n%b\n%b", b"[%b,%b,%b]"])
def test_bytes_that_are_no_utf8_are_told_and_not_replaced(tmp_path: Path, form: bytes) -> None:
    good = b'{"text": "good"}'
    path = write(tmp_path / "x.json", form % (good, b'{"text": "caf\xe9"}', good))
    with pytest.raises(SourceError, match=r"is not all UTF-8: found b'.*caf\\xe9.*'; name its encoding"):
        open_source(path).inspect()
    source = open_source(path, ReadOptions(encoding="utf-8"))
    assert texts(source) == ["good", "good"]
    (bad,) = bads(read_all(source))
    assert "expected UTF-8, found byte 0xe9" in bad.error
    assert "--encoding" in bad.error
    assert texts(open_source(path, ReadOptions(encoding="cp1252"))) == ["good", "café", "good"]


def test_nan_is_no_text(tmp_path: Path) -> None:
    assert texts(table(tmp_path, {"text": "a"}, '{"text": NaN}')) == ["a", ""]


@pytest.mark.parametrize("key", ["id", "text", "user"])
def test_a_key_that_stands_twice_is_refused_where_it_matters(tmp_path: Path, key: str) -> None:
    row = '{"id": "1", "text": "a", "user": "b", "score": 1, "score": 2, %s: "c"}'
    assert texts(table(tmp_path, row % '"other"')) == ["a"]
    with pytest.raises(SourceError, match=f"the key '{key}' more than once"):
        table(tmp_path, row % json.dumps(key)).inspect()


def test_rows_without_id_get_one_that_stays(tmp_path: Path) -> None:
    ids = [comment.id for comment in comments(read_all(table(tmp_path, {"text": "a"}, {"text": "a"})))]
    assert len({*ids}) == 2
    assert all(one.startswith("x.jsonl:") for one in ids)
    assert isinstance(read_all(table(tmp_path, {"text": "a"}, {"id": "x" * (MAX_ID + 1), "text": "a"}))[1], Bad)


def test_an_author_that_is_an_object_is_none(tmp_path: Path) -> None:
    source = table(tmp_path, {"text": "a", "author": "alice"}, {"text": "b", "author": {"name": "bob"}})
    assert [comment.author for comment in comments(read_all(source))] == ["alice", None]


def test_a_missing_column_is_an_error_that_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no text column: expected .* found 'words', 'user.name'; .* --text-column"):
        table(tmp_path, {"words": "a", "user": {"name": "b"}}, {"words": "c"}).inspect()
    with pytest.raises(SourceError, match=r"expected 'data.texts', found 'data.text'"):
        table(tmp_path, {"data": {"text": "a"}}, {"data": {"text": "a"}}, text="data.texts").inspect()


def test_folders_tell_columns_of_json_too(tmp_path: Path) -> None:
    (tmp_path / "subreddit=python").mkdir()
    assert only(read_all(table(tmp_path / "subreddit=python", {"text": "a"}))).comment.subreddit == "python"


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"id": "1", "body": "a"}, "reddit"),
        ({"id": "1", "body": "a", "user": {"login": "b"}, "created_at": "2024-01-01"}, "json"),
        ({"id": "1", "body": "a", "created_at": "2024-01-01", "subreddit": "python"}, "reddit"),
        ({"body": "a", "subreddit": "python"}, "json"),
        ({"id": "1", "title": "a", "selftext": "", "permalink": "/r/x"}, "reddit"),
        ({"id": "1", "title": "a", "url": "b", "num_comments": 5, "text": "c"}, "json"),
        ({"id": "1", "title": "a", "text": "b", "subreddit": "c"}, "json"),
    ],
)
def test_reddits_records_are_told_from_others(tmp_path: Path, row: dict[str, object], kind: str) -> None:
    source = table(tmp_path, row)
    assert source.inspect().kind == kind
    assert comments(read_all(source))


def test_fields_that_the_first_records_lack_are_read_where_they_come(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": "a"} for n in range(12_000)]
    rows.append({"id": "last", "text": "b", "author": "bob", "created_utc": "2024-03-01"})
    source = open_source(write(tmp_path / "x.jsonl", "\n".join(map(json.dumps, rows))))
    last = comments(read_all(source))[-1]
    assert (last.author, str(last.created_at)) == ("bob", "2024-03-01 00:00:00+00:00")


def test_what_was_taken_back_is_known_of_rows_as_well(tmp_path: Path) -> None:
    row = {"id": "1", "body": "a", "who": "bob", "_meta": {"was_deleted_later": True}}
    (record,) = read_all(
        open_source(write(tmp_path / "x.jsonl", json.dumps(row)), ReadOptions(columns=Columns(author="who")))
    )
    assert isinstance(record, Parsed)
    assert record.deleted_later
