"""The same records, in whatever shape of JSON they are written."""

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, ReadOptions, open_source
from tests.producers.sources.test_support import COMPRESS, bads, comments, read, read_all, texts, write
from tests.texts import NASTY, several

Records = list[dict[str, object]]
ROWS: Records = [{"id": f"r{n}", "text": f"row {n}", "timestamp": 1_700_000_000 + n} for n in range(3)]
COMMENTS: Records = [{"id": f"c{n}", "body": f"row {n}", "created_utc": 1_700_000_000 + n} for n in range(3)]


def lines(records: Records) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


SHAPES: dict[str, Callable[[Records], str]] = {
    "lines": lines,
    "lines of Windows": lambda records: lines(records).replace("\n", "\r\n"),
    "lines with commas": lambda records: ",\n".join(map(json.dumps, records)) + ",\n",
    "records with separators": lambda records: "".join(f"\x1e{json.dumps(record)}\n" for record in records),
    "array": json.dumps,
    "indented array": lambda records: json.dumps(records, indent=2),
    "array with a line each": lambda records: "[\n" + ",\n".join(map(json.dumps, records)) + "\n]\n",
    "array of other letters": lambda records: json.dumps(records, ensure_ascii=False),
    "data": lambda records: json.dumps({"data": records}),
    "data with more around": lambda records: json.dumps(
        {"message": "ok", "meta": {"n": [1, {"a": "b"}], "message": "fine"}, "data": records, "next": None}, indent=1
    ),
    "array far inside": lambda records: json.dumps({"response": {"result.s": {"hits": records}}}),
    "one after the other": lambda records: "".join(map(json.dumps, records)),
    "indented one after the other": lambda records: "\n".join(json.dumps(record, indent=4) for record in records),
    "an array each": lambda records: "\n".join(json.dumps([record]) for record in records),
    "an answer each": lambda records: lines([{"data": [record], "after": "x"} for record in records]),
    "arrays in an array": lambda records: json.dumps([{"page": n, "items": [one]} for n, one in enumerate(records)]),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("records", [ROWS, COMMENTS], ids=["rows", "comments"])
def test_records_are_the_same_in_each_shape(tmp_path: Path, shape: str, records: Records) -> None:
    found = comments(read_all(open_source(write(tmp_path / "x.json", SHAPES[shape](records)))))
    assert [(one.id, one.text) for one in found] == [(record["id"], f"row {n}") for n, record in enumerate(records)]
    assert all(one.created_at and one.created_at.year == 2023 for one in found)


def test_any_records_are_the_same_in_each_shape() -> None:
    words = st.text(max_size=9) | NASTY
    row = st.fixed_dictionaries(
        {"id": st.integers(0, 99).map(str), "text": words},
        optional={
            "title": words,
            "score": st.none() | st.booleans() | st.integers() | st.floats(),
            "user": st.dictionaries(words, words | st.lists(words, max_size=2), max_size=2),
        },
    )

    @several(50)
    @given(st.lists(row, min_size=1, max_size=5), st.sampled_from([*SHAPES.values()]), st.sampled_from(["", ".gz"]))
    def check(records: Records, shape: Callable[[Records], str], suffix: str) -> None:
        with TemporaryDirectory() as folder:
            plain = open_source(write(Path(folder, "x.jsonl"), lines(records)))
            other = open_source(write(Path(folder, f"x.json{suffix}"), shape(records)))
            found = [(one.id, one.text, one.author) for one in comments(read_all(plain))]
            assert len(found) == len(records)
            assert [(one.id, one.text, one.author) for one in comments(read_all(other))] == found

    check()


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8-sig", b""), ("utf-16", b""), ("utf-16-le", b""), ("utf-16-be", codecs.BOM_UTF16_BE), ("utf-32", b"")],
)
@pytest.mark.parametrize("shape", ["lines", "indented array", "data"])
def test_wide_encodings_are_told_and_kept(tmp_path: Path, encoding: str, mark: bytes, shape: str) -> None:
    records: Records = [*COMMENTS, {"id": "c3", "body": "é 😀", "created_utc": 1}]
    text = json.dumps(records, ensure_ascii=False) if shape != "lines" else lines(records)
    path = write(tmp_path / "x.json", mark + text.encode(encoding))
    source = open_source(path)
    assert texts(source)[2:] == ["row 2", "é 😀"]
    assert read_all(open_source(path, layout=source.inspect())) == read_all(source)


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"id": "1", "text": "café"}\n'.encode("cp1252"))
    assert texts(open_source(path, ReadOptions(encoding="cp1252"))) == ["café"]


@pytest.mark.parametrize(("encoding", "odd"), [("cp1252", b"\x81"), ("utf-16-le", b"\x3d\xd8")])
def test_what_is_none_of_an_encoding_costs_its_record(tmp_path: Path, encoding: str, odd: bytes) -> None:
    written = lines([{"text": "a"}, {"text": "?"}, {"text": "b"}]).encode(encoding).replace("?".encode(encoding), odd)
    source = open_source(write(tmp_path / "x.jsonl", written), ReadOptions(encoding=encoding))
    assert texts(source) == ["a", "b"]
    assert [bad.position for bad in bads(read_all(source))] == [1]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_documents_may_be_compressed(tmp_path: Path, suffix: str) -> None:
    assert len(texts(open_source(write(tmp_path / f"x.json{suffix}", json.dumps({"data": ROWS}))))) == 3


@pytest.mark.parametrize("name", ["x.json", "x.ndjson.gz", "RC_2024-01", "stdin"])
def test_the_content_tells_the_kind_and_not_the_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert open_source(write(path, lines(COMMENTS))).inspect().kind == "reddit"
    assert open_source(write(path, lines(ROWS))).inspect().kind == "json"
    assert open_source(write(path, json.dumps(COMMENTS))).inspect().records_at == "item"


def test_a_layout_is_not_found_again(tmp_path: Path) -> None:
    for shape in ("lines", "data"):
        path = write(tmp_path / "x.json", SHAPES[shape](ROWS))
        layout = open_source(path).inspect()
        # When the column that would be found is another one, the layout stands
        write(path, SHAPES[shape]([{**row, "body": "other", "comment": "other"} for row in ROWS]))
        source = open_source(Place.at(path), layout=type(layout).from_json(layout.to_json()))
        assert texts(source) == ["row 0", "row 1", "row 2"]


def test_a_later_page_of_another_form_is_told(tmp_path: Path) -> None:
    pages = json.dumps({"data": COMMENTS}) + "\n" + json.dumps({"data": None, "error": "Timeout"}) + "\n"
    records, error = read(open_source(write(tmp_path / "x.json", pages)))
    assert [one.text for one in comments(records)] == ["row 0", "row 1", "row 2"]
    assert "1 of its 2 documents have no records at 'data.item'" in str(error)


def test_records_at_a_second_place_are_read_or_told(tmp_path: Path) -> None:
    both = {"posts": [{"id": "p", "title": "A post", "selftext": ""}], "comments": COMMENTS}
    assert texts(open_source(write(tmp_path / "x.json", json.dumps(both)))) == ["A post", "row 0", "row 1", "row 2"]
    with pytest.raises(SourceError, match=r"holds records at 'a.item' and 'b.item': .* jq -c '.a\[\]'"):
        open_source(write(tmp_path / "x.json", json.dumps({"a": ROWS, "b": ROWS}))).inspect()


def test_records_at_a_second_place_far_behind_are_told(tmp_path: Path) -> None:
    rows: Records = [{"id": n, "text": "x" * 100_000} for n in range(50)]
    records, error = read(open_source(write(tmp_path / "x.json", json.dumps({"a": rows, "b": {"c": ROWS}}))))
    assert len(comments(records)) == 50  # all that were found are read before
    assert "holds records at 'b.c.item' besides those at 'a.item'" in str(error)
    assert "jq -c '.b.c[]'" in str(error)


def test_what_is_said_of_records_within_records(tmp_path: Path) -> None:
    # given posts with their comments, which are objects beside them, and what only looks like comments
    inner = [{"author": "bob", "body": "yes"}, {"author": "eve", "body": "no"}]
    tags = {"tags": [{"text": "python", "indices": [0, 7]}], "related": [], "meta": {"pages": {"replies": inner}}}
    rows: Records = [{**row, "comments": inner, **tags} for row in ROWS]
    source = open_source(write(tmp_path / "x.json", lines(rows)))
    # then the rows are read, and it is said what is not
    layout = source.inspect()
    assert layout.fields.unread == ("comments", "meta.pages.replies")
    assert "not read: the records within 'comments'" in layout.describe()
    assert len(comments(read_all(source))) == len(ROWS)
    assert open_source(write(tmp_path / "y.json", lines(ROWS))).inspect().fields.unread == ()
