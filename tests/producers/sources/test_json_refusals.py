"""Files that hold no records as JSON: what is said of them, and which a folder passes over."""

import json
from pathlib import Path

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import NoSourceError, SettingError, SourceError
from moodmill.producers.sources import Columns, ReadOptions, open_source
from tests.producers.sources.test_support import texts, write

EXPORTED = {"comment_id": "c1", "model": "m", "source": "RC_x", **dict.fromkeys(EMOTIONS, 0.1), "text": "a"}


def refused(folder: Path, data: object, **columns: str) -> SourceError:
    written = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(SourceError) as raised:
        open_source(write(folder / "x.json", written), ReadOptions(columns=Columns(**columns))).inspect()
    assert "\n" not in str(raised.value)
    assert str(folder / "x.json") in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    "data",
    [
        {"default": {"description": "comments", "features": {"text": {"dtype": "string"}}}},
        {"name": "a data set", "licenses": []},
        {"name": "package", "version": "1.0", "comment": "made by hand"},
        {"resources": [{"path": "a.csv", "schema": {"fields": [{"name": "text", "type": "string"}]}}]},
        {"message": "ok", "data": []},
        [],
        {},
        [1, 2],
        ["text"],
        5,
        "text",
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_without_records_is_no_source(tmp_path: Path, data: object, indent: int | None) -> None:
    assert isinstance(refused(tmp_path, json.dumps(data, indent=indent)), NoSourceError)


def test_an_export_of_results_is_no_source(tmp_path: Path) -> None:
    for written in (json.dumps(EXPORTED) + "\n", (json.dumps(EXPORTED) + "\n") * 30, json.dumps([EXPORTED] * 3)):
        error = refused(tmp_path, written)
        assert isinstance(error, NoSourceError)
        assert "an export of moodmill's results" in str(error)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('window.YTD.tweets.part0 = [\n{"tweet": {"text": "a"}}\n]', "is JavaScript"),
        ('var comments = [{"id": "1", "body": "a"}];', "is JavaScript"),
        ('module.exports = {"a": 1}', "is JavaScript"),
        ('callback({"data": [{"id": "1", "body": "a"}]})', "JSONP"),
        ("{'id': '1', 'body': 'a'}\n{'id': '2', 'body': 'b'}\n", "as Python prints them"),
        ("[{'id': '1', 'body': 'a'}]", "as Python prints them"),
        ('{id: "1", body: "a"}', "keys without quotes"),
        ('// comments\n[{"id": "1"}]', "begins with a comment"),
        ("<!DOCTYPE html><html></html>", "a web page"),
        ({"text": {"0": "a", "1": "b"}, "id": {"0": 1, "1": 2}}, "orient='records'"),
        ({"columns": ["id", "text"], "index": [0], "data": [[1, "a"]]}, "orient='records'"),
        ({"a": {"id": "1", "text": "a"}, "b": {"id": "2", "text": "b"}}, r"jq -c '\.\[\]'"),
        ({"message": "Too Many Requests", "error": 429}, "reports an error: .*429"),
        ("hello\nworld\n", "expected one JSON object a line .*found b'hello'"),
        ("id,body\n1,text\n", "for a table name its kind: csv, tsv or parquet"),
        ('{"id": "k0", "bo', "truncated JSON"),
        ([{"question": "a", "answer": "b"}], "holds no records"),
        ([{"question": "a"}, {"question": "b"}], "no text column: .* found 'question'; .*--text-column"),
        ('{"question": "a"}\n{"question": "b"}\n', "no text column"),
        ('{"question": "a"}\n{"question": \n{"question": "c"}\n', "no text column"),
        ("", "is empty"),
        (" \n\r\n\t", "holds only blanks and NULs"),
    ],
)
def test_each_file_is_told_what_it_is(tmp_path: Path, data: object, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        raise refused(tmp_path, data)


def test_a_named_column_makes_a_source_of_what_else_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", json.dumps({"resources": [{"path": "a.csv"}]}))
    assert texts(open_source(path, ReadOptions(columns=Columns(text="path")))) == ["a.csv"]
    assert isinstance(refused(tmp_path, {"default": {"a": [1]}}, text="words"), NoSourceError)


def test_an_encoding_that_is_none_is_a_setting_to_mend(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", "[]")
    with pytest.raises(SettingError, match="found 'latin-99'"):
        open_source(path, ReadOptions(encoding="latin-99")).inspect()


def test_a_wide_file_that_ends_inside_a_letter_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.json", '[{"text": "a"}, {"text": "b"}]'.encode("utf-16")[:-1])
    with pytest.raises(SourceError, match="is no utf-16 from some character on: truncated data"):
        list(open_source(path).records())
