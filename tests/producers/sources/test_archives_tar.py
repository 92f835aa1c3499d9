"""Tar archives: whatever is cut, damaged or made to do harm is said, and what is whole before it is read."""

import random
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, tars
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.members import Members, members
from tests.producers.archives import header, tar_of, tar_of_infos
from tests.producers.sources.test_support import COMPRESS

FORMS = pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
SUFFIXES = pytest.mark.parametrize("suffix", ["", *COMPRESS])
#: Zeros at the end.
END = bytes(1024)


def file(folder: Path, data: bytes, suffix: str = "") -> Path:
    path = folder / f"x.tar{suffix}"
    path.write_bytes(COMPRESS.get(suffix, bytes)(data))
    return path


def csv(number: int) -> bytes:
    return b"text\n" + b"%d\n" % number * 200


def content(place: Place) -> bytes:
    return b"".join(ByteStream(place))


def whole(found: Members) -> Iterator[bytes]:
    """Yield what the members hold that are read to their end."""
    for place in found.places:
        with suppress(SourceError):
            yield content(place)


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        members(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@FORMS
@SUFFIXES
def test_each_form_of_tar_is_read(tmp_path: Path, form: int, suffix: str) -> None:
    names = ["a.csv", "folder/" * 12 + "b.csv", "grüße.csv"]
    data = tar_of(*((name, csv(n)) for n, name in enumerate(names)), form=form)
    found = members(file(tmp_path, data, suffix))
    assert [place.member for place in found.places] == names
    assert [content(place) for place in found.places] == [csv(0), csv(1), csv(2)]
    assert found.error is None


def test_a_tar_as_it_was_before_there_was_a_standard_is_read(tmp_path: Path) -> None:
    old = bytearray(header(b"a.csv", 7))
    old[257:265] = bytes(8)
    old[148:156] = b"%06o\0 " % (sum(old) - sum(old[148:156]) + 8 * 32)
    (place,) = members(file(tmp_path, bytes(old) + b"text\na\n".ljust(512, b"\0") + END)).places
    assert content(place) == b"text\na\n"


@SUFFIXES
def test_a_tar_cut_anywhere_gives_what_is_whole_and_an_error(tmp_path: Path, suffix: str) -> None:
    parts = [csv(n) for n in range(3)]
    data = tar_of(*((f"{n}.csv", part) for n, part in enumerate(parts))).rstrip(b"\0")
    stored = COMPRESS.get(suffix, bytes)(data + END)
    for cut in range(1, len(stored), 1 + len(stored) // 25):
        path = tmp_path / f"x.tar{suffix}"
        path.write_bytes(stored[:cut])
        try:
            found = members(path)
        except SourceError:
            continue
        assert found.error is not None or len(list(whole(found))) == len(parts)
        read = list(whole(found))
        assert read == parts[: len(read)]
        assert len(found.places) - len(read) <= 1


@SUFFIXES
def test_damage_to_a_header_costs_what_follows_it(tmp_path: Path, suffix: str) -> None:
    data = bytearray(tar_of(("0.csv", csv(0)), ("1.csv", csv(1)), ("2.csv", csv(2)), form=tarfile.USTAR_FORMAT))
    data[data.index(b"1.csv") + 50] = 1
    path = file(tmp_path, bytes(data), suffix)
    found = members(path)
    assert [place.member for place in found.places] == ["0.csv"]
    assert f"{path} is damaged at byte 1024 of the tar, where its next member should begin" in str(found.error)


def test_damage_to_a_compression_is_said_each_time(tmp_path: Path) -> None:
    noise = random.Random(1)
    path = file(tmp_path, tar_of(("0.csv", csv(0)), ("1.csv", noise.randbytes(3_000_000))), ".gz")
    data = bytearray(path.read_bytes())
    data[2_500_000:2_600_000] = b"\xff" * 100_000
    path.write_bytes(data)
    found = members(path)
    assert f"{path} is damaged: " in str(found.error)
    first, second = found.places
    for _ in range(2):
        assert content(first) == csv(0)
        with pytest.raises(SourceError, match="is damaged: "):
            content(second)


def test_an_end_without_its_zeros_is_an_error(tmp_path: Path) -> None:
    data = tar_of(("0.csv", csv(0)), form=tarfile.USTAR_FORMAT)[:1024]
    path = file(tmp_path, data)
    found = members(path)
    assert list(whole(found)) == [csv(0)]
    assert f"{path} is truncated: it lacks the zeros at the end" in str(found.error)
    path.write_bytes(data + bytes(512))
    assert members(path).error is None


@SUFFIXES
def test_archives_that_were_joined_are_read_to_the_last(tmp_path: Path, suffix: str) -> None:
    path = file(tmp_path, tar_of(("0.csv", csv(0))) + tar_of(("1.csv", csv(1))), suffix)
    found = members(path)
    assert list(whole(found)) == [csv(0), csv(1)]
    assert found.error is None
    path = file(tmp_path, tar_of(("0.csv", csv(0))) + b"something else", suffix)
    found = members(path)
    assert list(whole(found)) == [csv(0)]
    assert "is damaged at byte 10240 of the tar, behind its end" in str(found.error)


def base_256(number: int) -> bytes:
    return bytes((0x80 if number >= 0 else 0xFF, *(number % (1 << 88)).to_bytes(11, "big")))


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(header(b"x", base_256(-512), b"L"), id="long name of negative size"),
        pytest.param(header(b"x.csv", base_256(-512)), id="negative size"),
        pytest.param(header(b"x.csv", base_256((1 << 87) - 1)), id="size beyond any file"),
        pytest.param((header(b"x", 1, b"L") + b"y".ljust(512, b"\0")) * 1500, id="names of names"),
        pytest.param((header(b"x", 0, b"x")) * 1500, id="headers of headers"),
        pytest.param(b"\xff" * 512, id="nonsense"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_header_made_to_do_harm_is_an_error(tmp_path: Path, hostile: bytes, suffix: str) -> None:
    first = tar_of(("0.csv", csv(0)), form=tarfile.USTAR_FORMAT)[:1024]
    path = file(tmp_path, first + hostile + bytes(64 << 10), suffix)
    found = members(path)
    assert next(whole(found)) == csv(0)
    assert f"{path} is " in str(found.error)
    assert f"{path} is " in refusal(file(tmp_path, hostile + bytes(64 << 10), suffix)) or found.places


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_header_that_would_fill_the_memory_is_an_error(tmp_path: Path, kind: bytes) -> None:
    for size in (3 << 20, 7 << 30):
        found = members(file(tmp_path, tar_of(("0.csv", csv(0)))[:-8192] + header(b"x", size, kind) + bytes(4 << 20)))
        assert list(whole(found)) == [csv(0)]
        assert "a member has more headers than are read before byte " in str(found.error)


def test_global_fields_cannot_fill_the_memory(tmp_path: Path) -> None:
    def one(number: int) -> bytes:
        field = b"24 number%06d=0123456\n" % number
        return header(b"g", len(field), b"g") + field.ljust(512, b"\0") + header(b"%d.csv" % number, 0)

    found = members(file(tmp_path, b"".join(map(one, range(200))) + END))
    assert len(found.places) == 100
    assert "is damaged" in str(found.error)


def test_a_file_with_holes_is_passed_over(tmp_path: Path) -> None:
    info = tarfile.TarInfo("x.csv")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "99"}
    found = members(file(tmp_path, tar_of_infos([(info, b"a"), (tarfile.TarInfo("y.csv"), csv(1))])))
    assert [place.member for place in found.places] == ["y.csv"]
    assert list(found.passed_over.values()) == [["x.csv"]]


def test_more_members_than_are_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tars, "MOST_MEMBERS", 3)
    data = [(f"{n}.csv", csv(n)) for n in range(4)]
    assert members(file(tmp_path, tar_of(*data[:3]))).error is None
    assert "members, which is the most that is read: unpack it" in refusal(file(tmp_path, tar_of(*data)))


def test_members_in_turn_cost_few_readings_of_a_compressed_tar(tmp_path: Path) -> None:
    noise = random.Random(1)
    names = [f"{n}.csv" for n in range(60)]
    path = file(tmp_path, tar_of(*((name, noise.randbytes(200_000)) for name in names)), ".zst")
    size = path.stat().st_size
    assert size > 10_000_000

    def bytes_read() -> int:
        (line,) = (line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("rchar"))
        return int(line.split()[1])

    before = bytes_read()
    for place in members(path).places:
        next(iter(ByteStream(place)))
        assert len(content(place)) == 200_000
    assert bytes_read() - before < 3 * size


def test_readings_of_one_tar_at_a_time_do_not_disturb_one_another(tmp_path: Path) -> None:
    noise = random.Random(1)
    data = [noise.randbytes(3_000_000) for _ in range(3)]
    path = file(tmp_path, tar_of(*((f"{n}.csv", one) for n, one in enumerate(data))), ".zst")
    readings = [iter(ByteStream(place)) for place in members(path).places]
    found = [b"", b"", b""]
    for _ in range(4):
        for n, reading in enumerate(readings):
            found[n] += next(reading, b"")
    for n, reading in enumerate(readings):
        found[n] += b"".join(reading)
    assert found == data
