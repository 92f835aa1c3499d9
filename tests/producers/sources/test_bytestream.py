"""Compressed files: told by their first bytes, and never cut silently."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import BLOCK, RAW_BLOCK
from moodmill.producers.sources.place import Place
from tests.producers.sources.test_support import COMPRESS, write, zstd

SUFFIXES = pytest.mark.parametrize("suffix", COMPRESS)
DATA = b"".join(b"%d\n" % number for number in range(1000))


def read(path: Path) -> bytes:
    return b"".join(ByteStream(Place.at(path)))


def file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read_until_error(path: Path) -> tuple[bytes, str]:
    found = []
    with pytest.raises(SourceError) as raised:  # noqa: PT012 (the blocks before the error are wanted)
        for block in ByteStream(Place.at(path)):
            found.append(block)  # noqa: PERF402
    return b"".join(found), str(raised.value)


@SUFFIXES
def test_content_is_told_by_its_magic_whatever_the_name(tmp_path: Path, suffix: str) -> None:
    data = COMPRESS[suffix](DATA)
    assert read(file(tmp_path, f"x{suffix}", data)) == DATA
    assert read(file(tmp_path, "RC_2005-12", data)) == DATA


def test_a_plain_file_is_read_as_it_is(tmp_path: Path) -> None:
    assert read(file(tmp_path, "x.ndjson", DATA)) == DATA
    assert read(file(tmp_path, "empty", b"")) == b""


@SUFFIXES
def test_several_streams_and_padding_are_one_file(tmp_path: Path, suffix: str) -> None:
    compress = COMPRESS[suffix]
    path = file(tmp_path, f"x{suffix}", compress(DATA) + compress(b"") + compress(b"more") + b"\0" * 8)
    assert read(path) == DATA + b"more"


@SUFFIXES
@pytest.mark.parametrize("padding", [b"\n", b"\r\n", b"\n\n\0\0\n", bytes(3 * RAW_BLOCK)])
def test_newlines_and_nuls_behind_a_stream_are_padding(tmp_path: Path, suffix: str, padding: bytes) -> None:
    compress = COMPRESS[suffix]
    assert read(file(tmp_path, f"x{suffix}", compress(DATA) + padding)) == DATA
    assert read(file(tmp_path, f"y{suffix}", compress(DATA) + padding + compress(b"more"))) == DATA + b"more"


@SUFFIXES
def test_a_stream_may_begin_anywhere_in_the_blocks_that_are_read(tmp_path: Path, suffix: str) -> None:
    first, second = COMPRESS[suffix](DATA), COMPRESS[suffix](b"more")
    for length in range(RAW_BLOCK - 8, RAW_BLOCK + 2):
        data = first + bytes(length - len(first)) + second
        assert read(file(tmp_path, f"x{suffix}", data)) == DATA + b"more", length
    cut = first + bytes(RAW_BLOCK - 1 - len(first)) + second[:2]
    assert "is truncated" in read_until_error(file(tmp_path, f"x{suffix}", cut))[1]


def test_a_zstd_file_may_begin_with_a_skippable_frame(tmp_path: Path) -> None:
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"size"
    assert read(file(tmp_path, "x.zst", skippable + zstd.compress(DATA))) == DATA


def test_a_window_of_2_to_the_31_bytes_is_accepted(tmp_path: Path) -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    # The size must stay unknown, or the window shrinks to it.
    frame = bytearray(compressor.compress(DATA, zstd.ZstdCompressor.FLUSH_BLOCK) + compressor.flush())
    assert not frame[4] & 0xE0, "expected a frame without content size, of more than one segment"
    frame[5] = (31 - 10) << 3  # the window descriptor's exponent counts from 2^10
    with pytest.raises(zstd.ZstdError):
        zstd.decompress(bytes(frame))
    assert read(file(tmp_path, "x.zst", bytes(frame))) == DATA


@SUFFIXES
def test_a_bomb_comes_in_bounded_blocks(tmp_path: Path, suffix: str) -> None:
    size = 5 * BLOCK + 3
    path = write(tmp_path / f"x{suffix}", b"a" * size)
    lengths = [len(block) for block in ByteStream(Place.at(path))]
    assert sum(lengths) == size
    assert max(lengths) <= BLOCK


@SUFFIXES
def test_a_name_that_promises_another_content_is_an_error(tmp_path: Path, suffix: str) -> None:
    path = file(tmp_path, f"x{suffix}", b'{"body": "text"}\n')
    found, message = read_until_error(path)
    assert found == b""
    assert f"{path} is not a " in message
    assert 'it begins with b\'{"body"' in message


@SUFFIXES
def test_an_empty_compressed_file_is_an_error(tmp_path: Path, suffix: str) -> None:
    assert "is empty" in read_until_error(file(tmp_path, f"x{suffix}", b""))[1]


@SUFFIXES
def test_a_file_cut_anywhere_gives_its_beginning_and_then_an_error(tmp_path: Path, suffix: str) -> None:
    one = COMPRESS[suffix](DATA)
    whole = one + COMPRESS[suffix](b"more")
    for cut in [*range(1, 6), *range(6, len(one), 97), len(one) - 1, len(one) + 1, len(one) + 5, len(whole) - 1]:
        path = file(tmp_path, f"x{suffix}", whole[:cut])
        found, message = read_until_error(path)
        assert (DATA + b"more").startswith(found)
        assert len(found) >= len(DATA) or cut < len(one)
        assert message.startswith(f"{path} is truncated: ")


@SUFFIXES
def test_damage_is_an_error(tmp_path: Path, suffix: str) -> None:
    data = bytearray(COMPRESS[suffix](DATA))
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    path = file(tmp_path, f"x{suffix}", bytes(data))
    assert f"{path} is " in read_until_error(path)[1]


@SUFFIXES
def test_what_follows_the_last_stream_is_not_ignored(tmp_path: Path, suffix: str) -> None:
    data = COMPRESS[suffix](DATA) + b"\n"
    path = file(tmp_path, f"x{suffix}", data + b"something else " * RAW_BLOCK)
    found, message = read_until_error(path)
    assert found == DATA
    assert f"{path} holds {15 * RAW_BLOCK} bytes of something else behind its " in message
    assert f"b'something else s' from byte {len(data)} on;" in message
    assert read(file(tmp_path, "mended", path.read_bytes()[: len(data)])) == DATA


@SUFFIXES
def test_a_last_line_without_an_end_is_whole_only_if_the_file_was_one_stream(tmp_path: Path, suffix: str) -> None:
    # What follows may as well be a third stream that is damaged, and goes on with the line.
    one, two = COMPRESS[suffix](b"a\nb"), COMPRESS[suffix](b"c")
    assert read_until_error(file(tmp_path, "one", one + b"else"))[0] == b"a\nb\n"
    assert read_until_error(file(tmp_path, "two", one + two + b"else"))[0] == b"a\nbc"
    assert read_until_error(file(tmp_path, "none", COMPRESS[suffix](b"") + b"else"))[0] == b""


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.zst"
    assert f"{path} cannot be read: No such file" in read_until_error(path)[1]


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    assert "cannot be read" in read_until_error(tmp_path)[1]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress, bytes])
def test_the_share_read_grows_to_one(tmp_path: Path, compress: type[bytes]) -> None:
    stream = ByteStream(Place.at(file(tmp_path, "x", compress(DATA))))
    assert stream.share_read == 0
    for _ in stream:
        assert 0 < stream.share_read <= 1
    assert stream.share_read == 1
