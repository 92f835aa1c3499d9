"""Lines out of blocks, wherever the blocks are cut."""

import tracemalloc
from collections.abc import Iterator

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.lines import HEAD, LINE_LIMIT, Overlong, read_lines

MIB = 1 << 20


def blocks(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def lines(data: bytes, size: int = MIB, start: int = 0) -> list[tuple[int, bytes | Overlong]]:
    return list(read_lines(blocks(data, size), start))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_lines_do_not_depend_on_the_blocks(size: int) -> None:
    data = "één\r\n\nb\u2028c\rd\x0be\r\r\n\r\nlast".encode()
    expected = ["één", "", "b\u2028c\rd\x0be\r", "", "last"]
    assert lines(data, size) == [(number, line.encode()) for number, line in enumerate(expected)]


@pytest.mark.parametrize(("data", "count"), [(b"", 0), (b"\n", 1), (b"a", 1), (b"a\n", 1), (b"a\n\n", 2), (b"a\nb", 2)])
def test_the_last_line_needs_no_end(data: bytes, count: int) -> None:
    assert len(lines(data)) == count


@pytest.mark.parametrize("size", [1, 2, 5, 64])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_every_start_gives_the_tail(size: int, end: bytes) -> None:
    data = b"a\n\nbc\n\n\ndef\r\ng" + end
    whole = lines(data, size)
    for start in range(len(whole) + 3):
        assert lines(data, size, start) == whole[start:]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert lines(b"\xef\xbb\xbfa\n\xef\xbb\xbfb") == [(0, b"a"), (1, b"\xef\xbb\xbfb")]
    assert lines(b"\xef\xbb\xbfa") == [(0, b"a")]


def test_an_unfinished_line_of_a_cut_stream_is_not_yielded() -> None:
    def cut() -> Iterator[bytes]:
        yield b"a\nb\nunfin"
        raise SourceError("truncated")

    reading = read_lines(cut())
    assert [next(reading), next(reading)] == [(0, b"a"), (1, b"b")]
    with pytest.raises(SourceError):
        next(reading)


def test_the_longest_line_is_read_and_one_byte_more_is_not() -> None:
    longest = b"x" * LINE_LIMIT
    (_, line), (_, overlong), (number, after) = lines(longest + b"\n" + longest + b"y\nafter")
    assert line == longest
    assert overlong == Overlong(longest[:HEAD], LINE_LIMIT + 1)
    assert (number, after) == (2, b"after")


@pytest.mark.parametrize(
    ("pieces", "line"),
    [
        ((b"x",) * 60, Overlong(b"x" * HEAD, 60 * MIB)),
        ((b"\0",) * 60, b""),
        ((b"\0",) * 59 + (b"x",), b"x" * MIB),
        ((b"x",) + (b"\0",) * 59, b"x" * MIB),
        ((b"x",) + (b"\0",) * 58 + (b"x",), Overlong(b"x" * HEAD, 60 * MIB)),
    ],
    ids=["characters", "NULs", "NULs before", "NULs behind", "NULs inside"],
)
def test_an_overlong_line_fills_no_memory(pieces: tuple[bytes, ...], line: bytes | Overlong) -> None:
    def long_line() -> Iterator[bytes]:
        for piece in pieces:
            yield piece * MIB
        yield b"\nafter\n"

    tracemalloc.start()
    try:
        found = list(read_lines(long_line()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found == [(0, line), (1, b"after")]
    assert peak < 3 * LINE_LIMIT


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("end", [b"", b"\n", b"\0\0", b"\n\0"])
def test_nuls_around_a_line_are_no_part_of_it(size: int, end: bytes) -> None:
    data = b"\0\0\0\xef\xbb\xbfa\n\0\0b\0c\0\0\0\r\n\0\0\0\n\0d\0\n\n\0e" + end
    expected = list(enumerate([b"a", b"b\0c", b"", b"d", b"", b"e"]))
    assert lines(data, size) == expected
    for start in range(7):
        assert lines(data, size, start) == expected[start:]
