"""Arrow IPC files, Feather and IPC streams; and dotted paths, which Parquet has as well."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from moodmill.db.analytics.selection import SCHEMA
from moodmill.db.core.errors import NoSourceError, SourceError
from moodmill.producers.sources import Columns, ReadOptions, open_source
from moodmill.producers.sources.arrow_table import BATCH
from moodmill.producers.sources.record import Bad
from tests.producers.sources.test_support import comments, only, read, read_all, texts
from tests.texts import several

#: Bytes that end a stream.
END = 8


def file(path: Path, table: pa.Table, rows_a_batch: int | None = None) -> Path:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table, rows_a_batch)
    return path


def stream(path: Path, table: pa.Table, rows_a_batch: int | None = None) -> Path:
    with pa.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, rows_a_batch)
    return path


def numbered(rows: int) -> pa.Table:
    return pa.table({"id": [str(n) for n in range(rows)], "text": [f"comment {n}" for n in range(rows)]})


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_is_read(tmp_path: Path, compression: str) -> None:
    feather.write_feather(numbered(9), str(tmp_path / "x.feather"), compression=compression, chunksize=4)
    assert texts(open_source(tmp_path / "x.feather")) == [f"comment {n}" for n in range(9)]


@pytest.mark.parametrize("write", [file, stream])
def test_a_suffix_does_not_tell_a_file_from_a_stream(tmp_path: Path, write: Any) -> None:
    assert texts(open_source(write(tmp_path / "x.arrow", numbered(9), 4))) == [f"comment {n}" for n in range(9)]


@pytest.mark.parametrize("write", [file, stream])
def test_words_of_a_dictionary_are_read(tmp_path: Path, write: Any) -> None:
    table = pa.table({"other": ["x", "y"], "text": pa.array(["a", "é"]).dictionary_encode()})
    assert texts(open_source(write(tmp_path / "x.arrow", table, 1))) == ["a", "é"]


@pytest.mark.parametrize("write", [file, stream])
def test_a_start_within_a_batch_is_found(tmp_path: Path, write: Any) -> None:
    path = write(tmp_path / "x.arrow", numbered(3 * BATCH), 2 * BATCH + 1)
    for start in (1, BATCH, 2 * BATCH + 1, 3 * BATCH - 1):
        found = comments(read_all(open_source(path), start))
        assert (found[0].text, len(found)) == (f"comment {start}", 3 * BATCH - start)


def test_batches_before_the_start_are_not_decoded(tmp_path: Path) -> None:
    # Given a file whose first batch leads out of its buffers
    text = pa.array([f"comment {n}" for n in range(20)])
    path = file(tmp_path / "x.arrow", pa.table({"text": text}), 10)
    ends = b"".join((n * len("comment 0")).to_bytes(4, "little") for n in range(11))
    data = path.read_bytes()
    assert data.count(ends) == 1
    path.write_bytes(data.replace(ends, b"\x7f" * len(ends)))
    # then a reading from the second on does not notice, and one from the first says so
    assert [comment.position for comment in comments(read_all(open_source(path), 12))] == list(range(12, 20))
    found, error = read(open_source(path))
    assert found == []
    assert "is damaged or no Arrow file" in str(error)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("nested", [False, True])
def test_a_text_that_is_no_utf_8_is_bad_and_the_others_are_read(tmp_path: Path, kind: Any, nested: bool) -> None:
    raw = {"string": pa.binary(), "large_string": pa.large_binary(), "string_view": pa.binary_view()}[str(kind)]
    text = pa.array([b"a", b"\xff", b"c"], raw).view(kind)
    table = pa.table({"data": pa.StructArray.from_arrays([text], ["body"])} if nested else {"text": text})
    options = ReadOptions(columns=Columns(text="data.body" if nested else None))
    first, bad, last = read_all(open_source(file(tmp_path / "x.arrow", table), options))
    assert [only([record]).comment.text for record in (first, last)] == ["a", "c"]
    assert isinstance(bad, Bad)
    assert "byte 0xff at 0" in bad.error


def test_a_file_of_no_rows_or_no_batches_has_no_records(tmp_path: Path) -> None:
    empty = numbered(0)
    for number, write in enumerate((file, stream)):
        assert read_all(open_source(write(tmp_path / f"{number}.arrow", empty))) == []
    with pa.ipc.new_stream(tmp_path / "x.arrow", empty.schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([], empty.schema))
    assert read_all(open_source(tmp_path / "x.arrow")) == []


@pytest.mark.parametrize("lost", [1, 4, END, END + 1, 300])
def test_a_truncated_stream_is_an_error_behind_what_is_good(tmp_path: Path, lost: int) -> None:
    path = stream(tmp_path / "x.arrow", numbered(20), 10)
    path.write_bytes(path.read_bytes()[:-lost])
    found, error = read(open_source(path))
    assert len(found) == (20 if lost <= END else 10)
    assert "is truncated" in str(error) or "is damaged" in str(error)


def test_what_follows_a_stream_is_an_error_behind_what_is_good(tmp_path: Path) -> None:
    path = stream(tmp_path / "x.arrow", numbered(20), 10)
    data = path.read_bytes()
    path.write_bytes(data + data)
    found, error = read(open_source(path))
    assert len(found) == 20
    assert f"goes on for {len(data)} bytes behind the end" in str(error)


def test_streams_of_before_2020_need_no_end(tmp_path: Path) -> None:
    options = pa.ipc.IpcWriteOptions(use_legacy_format=True)
    table = numbered(9)
    with pa.ipc.new_stream(tmp_path / "x.arrow", table.schema, options=options) as writer:
        writer.write_table(table)
    assert len(read_all(open_source(tmp_path / "x.arrow"))) == 9


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    path = file(tmp_path / "x.arrow", numbered(9))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="is damaged or no Arrow file"):
        open_source(path).inspect()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is damaged or no Arrow file"),
        (b"ARROW1", "is damaged or no Arrow file"),
        (b"id,text\n1,a\n" * 9, "is damaged or no Arrow file"),
        (b"FEA1" + bytes(60), "Feather's first version"),
        (b"\x1f\x8b" + bytes(60), "is Arrow within gzip: unpack it first"),
        (b"PAR1" + bytes(60), "is no Arrow file: --format parquet reads it"),
    ],
)
def test_what_is_no_arrow_file_is_told(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.arrow").write_bytes(data)
    with pytest.raises(SourceError, match=said):
        open_source(tmp_path / "x.arrow").inspect()


def test_two_columns_of_one_name_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    table = pa.table([pa.array([one]) for one in ("a", "b", "c")], ["text", "id", "text"])
    path = file(tmp_path / "x.arrow", table)
    with pytest.raises(SourceError, match=r"2 columns 'text', numbers 1 and 3"):
        open_source(path).inspect()
    assert texts(open_source(path, ReadOptions(columns=Columns(text="3")))) == ["c"]
    assert texts(open_source(path, ReadOptions(columns=Columns(text="1")))) == ["a"]


def test_an_export_in_another_format_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(NoSourceError, match="is an export of moodmill's"):
        open_source(file(tmp_path / "x.feather", SCHEMA.empty_table())).inspect()


def written(folder: Path, table: pa.Table) -> list[Path]:
    """Return the same table in each format."""
    pq.write_table(table, folder / "x.parquet")
    return [folder / "x.parquet", file(folder / "x.arrow", table), stream(folder / "x.arrows", table)]


NESTED = {
    "id": ["1", "2", "3"],
    "author": [{"name": "bob", "id": 7}, {"name": None, "id": 8}, None],
    "post": [{"a": 1, "c": {"body": "a", "x": 2}}, {"a": 1, "c": None}, None],
    "comments": [[{"body": "b"}, {"body": "c"}], [{"body": "d"}], None],
    "tags": pa.array([[("lang", "en")], [], None], pa.map_(pa.string(), pa.string())),
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("post.c.body", ["a", "", ""]),
        ("Post.C.BODY", ["a", "", ""]),
        ("comments.1.body", ["c", "", ""]),
        ("comments.0.body", ["b", "d", ""]),
        ("tags.lang", ["en", "", ""]),
        ("author.id", ["7", "8", ""]),
    ],
)
def test_a_dotted_path_leads_into_structs_lists_and_maps(tmp_path: Path, path: str, expected: list[str]) -> None:
    options = ReadOptions(columns=Columns(text=path, author="author.name"))
    for file_path in written(tmp_path, pa.table(NESTED)):
        found = comments(read_all(open_source(file_path, options)))
        assert [comment.text for comment in found] == expected
        assert [(comment.id, comment.author) for comment in found] == [("1", "bob"), ("2", None), ("3", None)]
        # and a layout leads there again
        source = open_source(file_path, options)
        assert comments(read_all(open_source(file_path, options, source.inspect()))) == found


def test_a_struct_of_a_known_name_is_no_author(tmp_path: Path) -> None:
    for path in written(tmp_path, pa.table({**NESTED, "text": ["a", "b", "c"]})):
        assert [comment.author for comment in comments(read_all(open_source(path)))] == [None] * 3


@pytest.mark.parametrize("path", ["post.c.none", "comments.body", "comments.-1.body", "none.0", "id.0", "1.c.body"])
def test_a_path_that_leads_nowhere_is_an_error(tmp_path: Path, path: str) -> None:
    for file_path in written(tmp_path, pa.table(NESTED)):
        with pytest.raises(SourceError, match=r"has no text column: expected .*'post\.c\.body'"):
            open_source(file_path, ReadOptions(columns=Columns(text=path))).inspect()


def test_a_name_with_dots_goes_before_a_path(tmp_path: Path) -> None:
    table = pa.table({"data": [{"body": "path"}], "data.body": ["name"]})
    for path in written(tmp_path, table):
        assert texts(open_source(path, ReadOptions(columns=Columns(text="data.body")))) == ["name"]


def test_numbers_are_those_of_whole_columns(tmp_path: Path) -> None:
    table = pa.table({"data": [{"body": "a"}], "note": ["b"]})
    for path in written(tmp_path, table):
        assert texts(open_source(path, ReadOptions(columns=Columns(text="2")))) == ["b"]


#: Types of structs and lists of numbers, as deep as people's.
KINDS = st.recursive(
    st.just(pa.int64()),
    lambda kinds: st.one_of(
        kinds.map(pa.list_),
        st.lists(kinds, min_size=1, max_size=3).map(
            lambda inner: pa.struct([(f"f{number}", kind) for number, kind in enumerate(inner)])
        ),
    ),
    max_leaves=6,
)


def some(kind: Any, counter: list[int], draw: Any) -> Any:
    """Return a value of a type, with numbers that occur once; now and then none."""
    if draw(st.integers(0, 5)) == 0:
        return None
    if pa.types.is_struct(kind):
        return {field.name: some(field.type, counter, draw) for field in kind}
    if pa.types.is_list(kind):
        return [some(kind.value_type, counter, draw) for _ in range(draw(st.integers(0, 2)))]
    counter.append(len(counter))
    return counter[-1]


def ends(kind: Any, name: str) -> list[str]:
    """Return all paths to numbers in a type."""
    if pa.types.is_struct(kind):
        return [path for field in kind for path in ends(field.type, f"{name}.{field.name}")]
    return [path for n in "01" for path in ends(kind.value_type, f"{name}.{n}")] if pa.types.is_list(kind) else [name]


def at(row: Any, path: str) -> Any:
    for step in path.split("."):
        if row is None:
            return None
        values = row if isinstance(row, dict) else {str(number): value for number, value in enumerate(row)}
        row = values.get(step)
    return row


@given(data=st.data())
@several(20)
def test_any_path_into_any_type_leads_to_its_value(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    kinds = data.draw(st.lists(KINDS, min_size=1, max_size=3))
    schema = pa.schema([(f"c{number}", kind) for number, kind in enumerate(kinds)])
    counter: list[int] = []
    rows = [{field.name: some(field.type, counter, data.draw) for field in schema} for _ in range(3)]
    paths = [path for field in schema for path in ends(field.type, field.name)]
    text, author = data.draw(st.sampled_from(paths)), data.draw(st.sampled_from(paths))
    for path in written(tmp_path_factory.mktemp("any"), pa.Table.from_pylist(rows, schema)):
        found = comments(read_all(open_source(path, ReadOptions(columns=Columns(text=text, author=author)))))
        for comment, row in zip(found, rows, strict=True):
            expected = at(row, text), at(row, author)
            assert (comment.text, comment.author) == tuple(None if one is None else str(one) for one in expected) or (
                comment.text == "" and expected[0] is None
            )
