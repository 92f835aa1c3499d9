"""Files of zst_blocks_format: rows in blocks of zstd, read as lines."""

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, open_source, zstblocks
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import BLOCK
from tests.producers.sources.test_support import comment_line, read, texts, zstd


def sized(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def packed(content: bytes) -> bytes:
    return sized(zstd.compress(content))


def table(entries: Sequence[tuple[int, int]], data: bytes) -> bytes:
    return b"".join((struct.pack("<I", len(entries)), *(struct.pack("<II", *entry) for entry in entries), data))


def block(rows: Sequence[bytes]) -> bytes:
    """Return a block as the format's own tools write it."""
    entries, offset = [], 0
    for row in rows:
        entries.append((offset, len(row)))
        offset += len(row)
    return packed(table(entries, b"".join(rows)))


def file(folder: Path, *blocks: bytes, name: str = "RC_2023-11.zst_blocks") -> Path:
    path = folder / name
    path.write_bytes(b"".join(blocks))
    return path


def content(path: Path) -> bytes:
    return b"".join(ByteStream(Place.at(path)))


def failure(path: Path) -> tuple[bytes, str]:
    """Return what is read before the error, and that."""
    found = b""
    with pytest.raises(SourceError) as raised:  # noqa: PT012 (the blocks before the error are wanted)
        for piece in ByteStream(Place.at(path)):
            found += piece
    return found, str(raised.value)


def test_each_row_is_a_line(tmp_path: Path) -> None:
    path = file(tmp_path, block([b"one", b"", b"three"]), block([]), block([b"four\n", b"five"]))
    assert content(path) == b"one\n\nthree\nfour\nfive\n"


def test_rows_are_records_of_the_kind_that_the_name_tells(tmp_path: Path) -> None:
    dump = file(tmp_path, block([comment_line(0), comment_line(1)]), block([comment_line(2)]))
    assert texts(open_source(dump)) == ["comment 0", "comment 1", "comment 2"]
    csv = file(tmp_path, block([b"text", b'"two\nlines"', b"last"]), name="x.csv.zst_blocks")
    assert texts(open_source(csv)) == ["two\nlines", "last"]


def test_a_row_of_json_is_one_record_whatever_newlines_it_has(tmp_path: Path) -> None:
    indented = comment_line(0).replace(b", ", b",\n  ")
    path = file(tmp_path, block([indented, comment_line(1) + b"\n", comment_line(2) + b"\r\n"]))
    records, error = read(open_source(path))
    assert error is None
    assert [record.position for record in records] == [0, 1, 2]
    assert texts(open_source(path)) == ["comment 0", "comment 1", "comment 2"]


def test_rows_lie_where_their_offsets_say(tmp_path: Path) -> None:
    path = file(tmp_path, packed(table([(3, 2), (0, 3)], b"oneab")))
    assert content(path) == b"ab\none\n"


def test_the_format_is_told_by_its_first_bytes_whatever_the_name(tmp_path: Path) -> None:
    assert content(file(tmp_path, block([b"row"]), name="RC_2023-11")) == b"row\n"


def test_blocks_of_bytes_are_bounded(tmp_path: Path) -> None:
    rows = [b"a" * (3 * BLOCK + 1), *(b"b" * 100 for _ in range(30_000))]
    pieces = list(ByteStream(Place.at(file(tmp_path, block(rows)))))
    assert b"".join(pieces) == b"".join(row + b"\n" for row in rows)
    assert max(map(len, pieces)) <= BLOCK


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        pytest.param(struct.pack("<II", 5, 10) + zstd.compress(b"x"), "expected zstd", id="approximate"),
        pytest.param(b'{"id": "c1", "body": "a line"}\n', "expected zstd", id="lines"),
        pytest.param(struct.pack("<I", 0), "has 0 bytes", id="no bytes"),
        pytest.param(struct.pack("<I", 0x7FFFFFFF) + zstd.compress(b"x"), "at most 256 MiB", id="large"),
        pytest.param(packed(b"\1"), "unpacks to 1 bytes", id="no count"),
        pytest.param(packed(struct.pack("<I", 0xFFFFFFFF)), "the table of its 4294967295 rows", id="no table"),
        pytest.param(packed(table([(0, 3), (0, 3)], b"one")), "rows of 6 bytes in all", id="overlap"),
        pytest.param(packed(table([(0, 2)], b"one")), "rows of 2 bytes in all", id="bytes of no row"),
        pytest.param(packed(table([(1, 3)], b"one")), "a row at 1 of 3 bytes", id="row outside"),
        pytest.param(sized(zstd.compress(b"x" * 99)[:12]), "broken zstd", id="cut zstd"),
        pytest.param(sized(zstd.compress(b"x") + b"more"), "4 bytes behind its zstd", id="more"),
    ],
)
def test_a_broken_block_is_an_error_that_costs_no_row_before_it(tmp_path: Path, broken: bytes, message: str) -> None:
    first = block([b"row"])
    for before, number, rows in [(b"", 1, b""), (first, 2, b"row\n")]:
        found, error = failure(file(tmp_path, before, broken))
        assert found == rows
        assert message in error
        assert f"is damaged or no .zst_blocks file: block {number}, at byte {len(before)}, " in error


def test_a_block_that_unpacks_to_more_than_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zstblocks, "_LARGEST", 1 << 20)
    assert content(file(tmp_path, block([bytes((1 << 20) - 12)])))
    assert "unpacks to more than 1 MiB" in failure(file(tmp_path, block([bytes((1 << 20) - 11)])))[1]


def test_a_file_cut_anywhere_gives_its_whole_blocks_and_an_error(tmp_path: Path) -> None:
    first, second = block([b"one", b"two"]), block([b"three"])
    for cut in range(1, len(first) + len(second)):
        path = file(tmp_path, (first + second)[:cut])
        if cut == len(first):
            assert content(path) == b"one\ntwo\n"
            continue
        found, error = failure(path)
        assert found == (b"one\ntwo\n" if cut > len(first) else b"")
        assert f"{path} is truncated: it ends inside its block {2 if cut > len(first) else 1}" in error


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    assert "is empty" in failure(file(tmp_path))[1]
