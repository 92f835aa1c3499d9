"""Zip archives: each method; and whatever is wrong with one costs its member, or is said of the whole."""

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, zips
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import BLOCK
from moodmill.producers.sources.members import members
from tests.producers.archives import Zipped, zip_of, zipped
from tests.producers.sources.test_support import zstd

DATA = b"text\n" + b"".join(b"%d\n" % number for number in range(20_000))
GOOD = Zipped(name=b"good.csv", data=b"text\ngood\n")


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def in_lzma(data: bytes) -> bytes:
    """Return LZMA as zip has it: a version, the length of the properties, those, and no mark of the end."""
    alone = lzma.compress(data, lzma.FORMAT_ALONE, preset=0)
    return b"\x09\x14\x05\0" + alone[:5] + alone[13:]


PACKED: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    8: deflated,
    12: bz2.compress,
    14: in_lzma,
    20: zstd.compress,
    93: zstd.compress,
    95: lambda data: lzma.compress(data, preset=0),
}


def file(folder: Path, *zipped_members: Zipped) -> Path:
    path = folder / "x.zip"
    path.write_bytes(zip_of(*zipped_members))
    return path


def content(place: Place) -> bytes:
    return b"".join(ByteStream(place))


def failure(place: Place) -> str:
    with pytest.raises(SourceError) as raised:
        content(place)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        members(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("method", PACKED)
def test_each_method_is_read_in_bounded_blocks(tmp_path: Path, method: int) -> None:
    large = DATA + bytes(3 * BLOCK)
    made = [
        Zipped(name=b"%d.csv" % n, data=data, packed=PACKED[method](data), method=method)
        for n, data in enumerate([large, b"", DATA])
    ]
    for place, data in zip(members(file(tmp_path, *made)).places, [large, b"", DATA], strict=True):
        blocks = list(ByteStream(place))
        assert b"".join(blocks) == data
        assert max(map(len, blocks), default=0) <= BLOCK


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_so_is_what_python_writes_to_a_file_or_a_pipe(tmp_path: Path, method: int) -> None:
    (place,) = members(zipped(tmp_path / "x.zip", ("a.csv", DATA), method=method)).places
    assert content(place) == DATA
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        with archive.open("a.csv", "w", force_zip64=True) as member:
            member.write(DATA)
        archive.comment = b"a comment"
    assert content(members(tmp_path / "x.zip").places[0]) == DATA


@pytest.mark.parametrize("method", PACKED)
def test_a_member_cut_anywhere_is_an_error(tmp_path: Path, method: int) -> None:
    packed = PACKED[method](DATA)
    for cut in (0, 1, 4, 9, len(packed) // 2, len(packed) - 9):
        path = file(tmp_path, Zipped(name=b"a.csv", data=DATA, packed=packed[:cut], method=method), GOOD)
        cut_member, good = members(path).places
        assert f"{cut_member} is damaged: " in failure(cut_member)
        assert content(good) == GOOD.data


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param(Zipped(name=b"a.csv", flags=1), "is encrypted", id="encrypted"),
        pytest.param(Zipped(name=b"a.csv", method=99), "is encrypted", id="AES"),
        pytest.param(Zipped(name=b"a.csv", method=9), "is packed by Deflate64, which is not read", id="Deflate64"),
        pytest.param(Zipped(name=b"a.csv", method=77), "is packed by method 77", id="unknown"),
        pytest.param(Zipped(name=b"a.csv", crc=1), "is damaged: its checksum differs", id="checksum"),
        pytest.param(Zipped(name=b"a.csv", size=3), "is damaged: it has more than the 3 bytes", id="shorter"),
        pytest.param(Zipped(name=b"a.csv", size=99), "is damaged: it has 7 of the 99 bytes", id="longer"),
        pytest.param(
            Zipped(name=b"a.csv", data=DATA, packed=deflated(DATA), method=8, size=6, crc=zlib.crc32(DATA[:6])),
            "is damaged: it has more than the 6 bytes",
            id="hidden end",
        ),
        pytest.param(Zipped(name=b"a.csv", packed=b"nonsense", method=8), "is damaged: ", id="deflate"),
        pytest.param(Zipped(name=b"a.csv", packed=b"nonsense", method=14), "no header of theirs", id="LZMA"),
        pytest.param(
            Zipped(name=b"a.csv", packed=b"\0\0\5\0\xff\xff\xff\xff\xff" + bytes(9), method=14),
            "is damaged",
            id="filter",
        ),
        pytest.param(Zipped(name=b"a.csv", size=0xFFFFFFFE), "is refused: 7 bytes unpack to 4294967294", id="bomb"),
    ],
)
def test_what_is_wrong_with_a_member_costs_no_other(tmp_path: Path, wrong: Zipped, message: str) -> None:
    first, place, last = members(file(tmp_path, GOOD, wrong, Zipped(name=b"last.csv"))).places
    assert f"{place} {message}" in failure(place) or message in failure(place)
    assert content(first) == GOOD.data
    assert content(last) == b"text\na\n"


def test_members_that_lie_in_one_another_are_refused(tmp_path: Path) -> None:
    kernel = Zipped(name=b"b.csv", data=DATA)
    around = zip_of(kernel)[: -22 - 46 - len(kernel.name)]
    path = tmp_path / "x.zip"
    # The first holds, as its data, the header and the data of the second, which is in the directory as well.
    data = zip_of(Zipped(name=b"a.csv", data=around))
    inner = 30 + len(b"a.csv")
    entry = bytearray(zip_of(kernel)[len(around) : -22])
    entry[-5 - 4 : -5] = struct.pack("<L", inner)
    end = bytearray(data[-22:])
    end[8:16] = struct.pack("<2HL", 2, 2, len(data[inner + len(around) : -22]) + len(entry))
    path.write_bytes(data[:-22] + entry + end)
    outer, place = members(path).places
    assert f"{outer} is damaged: its bytes reach into those of another member" in failure(outer)
    assert content(place) == DATA


def test_members_in_one_place_are_refused(tmp_path: Path) -> None:
    made = file(tmp_path, GOOD, *(Zipped(name=b"%d.csv" % n, is_over_the_last=True) for n in range(9)))
    for place in members(made).places:
        assert "reach into those of another member" in failure(place)


def test_a_zip_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    whole = zip_of(GOOD, Zipped(name=b"a.csv"))
    path = tmp_path / "x.zip"
    for cut in range(1, len(whole), 3):
        path.write_bytes(whole[:cut])
        assert f"{path} is truncated" in refusal(path) or cut < 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zip_of(GOOD, disk=2), "is the last of several parts of a zip archive: join them"),
        (zip_of(GOOD, count=2), "its directory names 1 members, and its end says 2"),
        (zip_of(GOOD, count=65_535), "its directory names 1 members"),
        (zip_of(GOOD) * 2, "has 124 bytes before the archive that its end describes, perhaps another archive"),
        (zip_of(GOOD)[10:], "is damaged: its directory of 54 bytes is not at byte 48"),
        (zip_of(GOOD).replace(b"PK\1\2", b"PK\1\3"), "its directory breaks off after 0 members"),
    ],
)
def test_what_is_wrong_with_a_directory_is_an_error(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    assert message in refusal(path)


def test_what_a_program_puts_before_a_zip_and_a_comment_behind_it_are_passed_by(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"#!/bin/sh\nexit\n" + zip_of(GOOD, comment=b"c" * 60_000))
    (place,) = members(path).places
    assert content(place) == GOOD.data


def test_a_zip_of_nothing_has_no_members(tmp_path: Path) -> None:
    found = members(file(tmp_path))
    assert (found.places, found.passed_over, found.error) == ((), {}, None)


def test_offsets_and_counts_of_64_bits_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = zipped(tmp_path / "x.zip", ("a.csv", DATA), ("b.csv", GOOD.data))
    assert b"PK\6\6" in path.read_bytes()
    assert [content(place) for place in members(path).places] == [DATA, GOOD.data]


def test_more_members_than_are_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zips, "MOST_MEMBERS", 3)
    path = file(tmp_path, *(Zipped(name=b"%d.csv" % n) for n in range(3)))
    assert len(members(path).places) == 3
    whole = zip_of(*(Zipped(name=b"%d.csv" % n) for n in range(4)))
    # The second says that there are none, as writers do whose count has flowed over.
    for data in (whole, whole[:-14] + bytes(4) + whole[-10:]):
        path.write_bytes(data)
        assert "members, which is the most that is read: unpack it" in refusal(path)
