"""JSON that is broken, breaks off, or is made to fill the memory: what came before is good, and the rest is told."""

import json
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import ANY

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.db.core.payload import PAYLOAD_LIMIT
from moodmill.producers.sources import open_source
from moodmill.producers.sources.jsoncut import EndedJsonError
from moodmill.producers.sources.jsondocument import Documents
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong
from moodmill.producers.sources.record import Bad, Parsed, Source
from tests.producers.sources.test_support import bads, comment_line, comments, dump, read, read_all, texts, write

ROWS = [json.dumps({"id": str(n), "text": f"row {n}"}) for n in range(5)]


def source(folder: Path, data: str | bytes) -> Source:
    return open_source(write(folder / "x.json", data))


@pytest.mark.parametrize("compact", [True, False])
def test_a_document_that_breaks_off_gives_what_it_holds(tmp_path: Path, compact: bool) -> None:
    document = json.dumps({"data": [json.loads(row) for row in ROWS]}, indent=None if compact else 1)
    ends = [document.index(f"row {n}") + len('row 0"}') for n in range(5)]
    for cut in range(ends[0] + 4, len(document) - 1, 7):
        records, error = read(source(tmp_path, document[:cut]))
        assert [record.position for record in records] == [*range(len(records))]
        assert len(records) in (whole := sum(end <= cut + 3 for end in ends), whole - 1)
        assert f"truncated JSON: it ends at byte {cut}, inside a document" in str(error)
        assert f"records read before it: {len(records)}" in str(error)


def test_a_broken_record_costs_itself_alone(tmp_path: Path) -> None:
    broken = [
        '{"text": oops}',
        '{"text" "a"}',
        '{"text": "he said "no" to it"}',
        "oops",
        '{"text": "a",}',
        '{"a": [1 2]}',
        '{"a": [1, 2}',
    ]
    for form in ("[%s]", '{"data": [\n%s\n]}'):
        found = source(tmp_path, form % ",\n".join([ROWS[0], *broken, ROWS[1]]))
        assert texts(found) == ["row 0", "row 1"]
        assert [(bad.position, bad.payload) for bad in bads(read_all(found))] == [*enumerate(broken, 1)]
        for bad in bads(read_all(found)):
            assert found.parse(bad.payload, bad.position) == bad


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ("", r"expected ',' or '\]', found b'\{"),
        (",,", "expected a value, found b',{"),
        (", ]", "expected a value, found b'\\]"),
        ("]", "expected a value, found b'\\]"),
        ("}", r"expected ',' or '\]', found b'\}"),
    ],
)
def test_broken_structure_ends_the_reading_and_says_where(tmp_path: Path, between: str, said: str) -> None:
    document = f"[{','.join(ROWS[:3])}{between}{ROWS[3]}]"
    found, error = read(source(tmp_path, document))
    assert len(comments(found)) >= 3
    with pytest.raises(SourceError, match=r"has broken JSON at byte \d+: " + said + r".*; records read before it: \d"):
        raise error or AssertionError


@pytest.mark.parametrize(
    "first", ["{broken", "[1, 2]", "[", "{", '{"id":', '{"id": "c0", "body": "cut', '"body": "x"}', "]"]
)
def test_a_dump_is_known_by_any_of_its_first_lines(tmp_path: Path, first: str) -> None:
    found = source(tmp_path, dump([first.encode(), *map(comment_line, range(1, 30))]))
    assert found.inspect().kind == "reddit"
    records = read_all(found)
    assert [comment.id for comment in comments(records)] == [f"c{n}" for n in range(1, 30)]
    assert [bad.position for bad in bads(records)] == [0]


def test_rows_a_line_are_known_by_any_of_the_first_lines(tmp_path: Path) -> None:
    assert texts(source(tmp_path, '{"id": "0", "te\n' + "\n".join(ROWS))) == [f"row {n}" for n in range(5)]


def test_an_array_with_a_line_each_that_breaks_off_is_no_dump(tmp_path: Path) -> None:
    records, error = read(source(tmp_path, "[\n" + ",\n".join(ROWS)))
    assert len(comments(records)) == 5
    assert "truncated" in str(error)


@pytest.mark.parametrize("form", ["%s\n%s\n%s\n", '{"data": [%s, %s, %s]}'])
def test_an_overlong_record_is_one_bad_record(tmp_path: Path, form: str) -> None:
    long = '{"id": "x", "text": "' + '\\"{ü' * (LINE_LIMIT // 5) + '"}'
    records = read_all(source(tmp_path, form % (ROWS[0], long, ROWS[1])))
    assert [comment.text for comment in comments(records)] == ["row 0", "row 1"]
    (bad,) = bads(records)
    assert (bad.position, bad.error) == (1, f"record of {len(long.encode())} bytes; at most 16 MiB are read")
    assert len(bad.payload) <= PAYLOAD_LIMIT


@pytest.mark.parametrize("bomb", ["[" * 100_000, '{"a":' * 30_000, "[" * 9_000 + "]" * 9_000, '{"a":[' * 50_000])
def test_brackets_without_end_are_told(tmp_path: Path, bomb: str) -> None:
    for data in (bomb, f"[{ROWS[0]}, {bomb}"):
        with pytest.raises(SourceError) as raised:
            list(source(tmp_path, data).records())
        assert "\n" not in str(raised.value)


def test_memory_is_bound_by_the_limit_of_a_record_and_not_by_the_file() -> None:
    def blocks() -> Iterator[bytes]:
        yield b'{"data": ['
        for number in range(20):
            yield b'{"id": "%d", "text": "' % number
            yield from [b"x" * (1 << 20)] * (40 if number == 10 else 1)
            yield b'"},'
        yield b'{}], "more": "' + b"x" * (1 << 20) + b'"}'

    tracemalloc.start()
    try:
        raws = [value.raw for value in Documents(blocks(), ["data.item"]).values() if value.place == "data.item"]
        lengths = [len(raw) if isinstance(raw, bytes) else raw.length for raw in raws]
        raws.clear()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lengths[9:12] == [(1 << 20) + 23, (40 << 20) + 24, (1 << 20) + 24]
    assert peak < 3 * LINE_LIMIT + (21 << 20)


def test_a_text_without_end_does_not_fill_the_memory() -> None:
    def blocks() -> Iterator[bytes]:
        yield b'{"text": "'
        for _ in range(40):
            yield b"x" * (1 << 20)

    tracemalloc.start()
    try:
        with pytest.raises(EndedJsonError):
            list(Documents(blocks()).values())
        assert tracemalloc.get_traced_memory()[1] < 3 * LINE_LIMIT
    finally:
        tracemalloc.stop()


def test_values_are_cut_alike_wherever_the_blocks_end() -> None:
    rows = [
        r'{"a": "\\", "b": ["\"}]{", {"c": 1.5e3}]}',
        "{}",
        r'"\\\""',
        '[[],"]"]',
        "null",
        '{"\\"{": "\xef\xbb\xbf"}',
    ]
    document = ("\ufeff[" + " ,\n".join(rows) + "] \x1e" + '{"b":[1]}\ufeff, 5').encode()
    expected = [*((("item"), row.encode()) for row in rows), ("b", b"[1]"), ("", b"5")]
    randomly = random.Random(3)
    for size in [1, 2, 3, *(randomly.randrange(4, len(document)) for _ in range(20))]:
        blocks = [document[at : at + size] for at in range(0, len(document), size)]
        documents = Documents(blocks, ["item"])
        assert [(value.place, value.raw) for value in documents.values()] == expected
        assert (documents.begun, documents.with_places) == (3, 1)


def test_what_is_longer_than_the_limit_is_overlong_wherever_the_blocks_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moodmill.producers.sources.jsoncut.LINE_LIMIT", 20)
    rows = [b"{%b}" % (b'"":%d,' % n * n) for n in range(9)]
    rows += [text % (rb"\"]{" * n) for n in range(9) for text in (b'"%b"', b'{"":[{}],"":"%b"}')]
    expected = [row if len(row) <= 20 else Overlong(ANY, len(row)) for row in rows]
    document = b"[" + b",".join(rows) + b"]"
    for size in range(1, 60):
        blocks = [document[at : at + size] for at in range(0, len(document), size)]
        assert [value.raw for value in Documents(blocks, ["item"]).values()] == expected


@pytest.mark.parametrize(
    "document", ["[", "{", '{"a"', '{"a":', '{"a": 1', '["a', "[1", "[1,", '[{"a": "]}"', '["\\"]']
)
def test_a_document_without_end_is_told(document: str) -> None:
    with pytest.raises(EndedJsonError, match=f"it ends at byte {len(document)}, inside a document"):
        list(Documents([document.encode()]).values())


def test_numbers_of_any_size_lose_no_row(tmp_path: Path) -> None:
    numbers = ["1e400", "-0", "1" * 400, "1.0000000000000000000001", "1E5", "-1.5e-7"]
    rows = [f'{{"id": {number}, "text": "a", "created_utc": {number}}}' for number in numbers]
    records = read_all(source(tmp_path, f"[{','.join(rows)}]"))
    assert [type(record) for record in records] == [Parsed, Parsed, Bad, Parsed, Parsed, Parsed]
