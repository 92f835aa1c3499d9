"""Archives: their members are sources of their own, and nothing in them is lost, run or written."""

import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources import Place, ReadOptions, fingerprint, open_source
from moodmill.producers.sources import member as member_module
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.codec import BLOCK
from moodmill.producers.sources.members import is_archive, members
from moodmill.producers.sources.seekable import opened
from tests.producers.archives import Zipped, tar_of, tar_of_infos, zip_of, zipped
from tests.producers.sources.test_support import COMPRESS, comment_line, dump, read, texts

Make = Callable[..., Path]


def make_zip(folder: Path, *files: tuple[str, bytes]) -> Path:
    return zipped(folder / "x.zip", *files)


def make_tar(folder: Path, *files: tuple[str, bytes]) -> Path:
    path = folder / "x.tar"
    path.write_bytes(tar_of(*files))
    return path


def packed_tar(suffix: str) -> Make:
    def make(folder: Path, *files: tuple[str, bytes]) -> Path:
        path = folder / f"x.tar{suffix}"
        path.write_bytes(COMPRESS[suffix](tar_of(*files)))
        return path

    return make


MAKES = pytest.mark.parametrize(
    "make",
    [
        pytest.param(make_zip, id="zip"),
        pytest.param(make_tar, id="tar"),
        *(pytest.param(packed_tar(suffix), id=f"tar{suffix}") for suffix in COMPRESS),
    ],
)


def csv(*rows: str) -> bytes:
    return "\n".join(["text", *rows, ""]).encode()


def content(place: Place) -> bytes:
    return b"".join(ByteStream(place))


def all_texts(path: Path) -> dict[str | None, list[str]]:
    found = members(path)
    assert found.error is None
    return {place.member: texts(open_source(place)) for place in found.places}


def failure(place: Place) -> str:
    with pytest.raises(SourceError) as raised:
        content(place)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def again(place: Place) -> Place:
    """Return the place as a ledger gives it back, which takes what UTF-8 holds but NUL."""
    kept = place.kept()
    assert "\0" not in kept
    return Place.from_kept(kept.encode().decode(), place.name)


@MAKES
def test_members_are_sources_in_their_order(tmp_path: Path, make: Make) -> None:
    parquet = tmp_path / "y.parquet"
    pq.write_table(pa.table({"text": ["of a column"]}), parquet)
    path = make(
        tmp_path,
        ("b/RC_2005-12.zst", COMPRESS[".zst"](dump([comment_line(1)]))),
        ("a.csv", csv("one", "two")),
        ("z/y.parquet", parquet.read_bytes()),
        ("c.tsv", b"id\ttext\n1\tthree\n"),
        ("RS_2005-12", dump([comment_line(2)])),
        ("empty.csv", b""),
    )
    found = members(path)
    assert found.passed_over == {}
    assert [place.name for place in found.places] == [
        f"{path.name}/{name}"
        for name in ("b/RC_2005-12.zst", "a.csv", "z/y.parquet", "c.tsv", "RS_2005-12", "empty.csv")
    ]
    read_in_turn = [texts(open_source(place)) for place in found.places[:-1]]
    assert read_in_turn == [["comment 1"], ["one", "two"], ["of a column"], ["three"], ["comment 2"]]
    assert [texts(open_source(place)) for place in found.places[-2::-1]] == read_in_turn[::-1]
    assert content(found.places[-1]) == b""


@MAKES
def test_what_no_folder_takes_is_passed_over_with_its_reason(tmp_path: Path, make: Make) -> None:
    path = make(
        tmp_path,
        ("folder/", b""),
        ("a.csv", csv("a")),
        ("__MACOSX/._a.csv", b"\0"),
        (".DS_Store", b"\0"),
        (".git/x.csv", csv("a")),
        ("README.txt", b"read me"),
        ("x.xlsx", b"PK"),
        ("inner.zip", b"PK"),
        ("inner.tar.gz", b"\x1f\x8b"),
    )
    found = members(path)
    assert [place.member for place in found.places] == ["a.csv"]
    assert found.passed_over == {
        "hidden": ["__MACOSX/._a.csv", ".DS_Store", ".git/x.csv"],
        "neither a dump nor a table by its name": ["README.txt"],
        "an Excel workbook, which is not read: save each sheet as CSV UTF-8": ["x.xlsx"],
        "an archive in the archive, which is not read: unpack the outer one": ["inner.zip", "inner.tar.gz"],
    }


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    infos = [tarfile.TarInfo(name) for name in ("link.csv", "hard.csv", "fifo.csv", "a.csv")]
    for info, kind in zip(infos, (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.REGTYPE), strict=True):
        info.type, info.linkname = kind, "/etc/passwd"
    (tmp_path / "x.tar").write_bytes(
        tar_of_infos((info, csv("a") if info.type == tarfile.REGTYPE else b"") for info in infos)
    )
    members_of_zip = [
        Zipped(name=b"link.csv", data=b"/etc/passwd", mode=0o120777),
        Zipped(name=b"fifo.csv", data=b"", mode=0o010644),
        Zipped(name=b"a.csv", mode=0o100644),
    ]
    (tmp_path / "x.zip").write_bytes(zip_of(*members_of_zip))
    of_tar, of_zip = members(tmp_path / "x.tar"), members(tmp_path / "x.zip")
    assert of_tar.passed_over == {"a link": ["link.csv", "hard.csv"], "no regular file": ["fifo.csv"]}
    assert of_zip.passed_over == {"a link": ["link.csv"], "no regular file": ["fifo.csv"]}
    assert [place.member for place in (*of_tar.places, *of_zip.places)] == ["a.csv", "a.csv"]


@pytest.mark.parametrize(
    ("name", "data", "is_one"),
    [
        ("x.zip", zip_of(Zipped(name=b"a.csv")), True),
        ("x.csv.zip", zip_of(Zipped(name=b"a.csv")), True),
        ("x.csv", zip_of(Zipped(name=b"a.csv")), True),
        ("archive", zip_of(Zipped(name=b"a.csv")), True),
        ("archive", tar_of(("a.csv", b"text\n")), True),
        ("archive.gz", COMPRESS[".gz"](tar_of(("a.csv", b"text\n"))), True),
        ("RC_2005-12.zst", COMPRESS[".zst"](tar_of(("RC_2005-12", b"{}\n"))), True),
        ("x.tgz", b"", True),
        ("X.TAR.BZ2", b"", True),
        ("x.zip", b"no archive", True),
        ("x.csv", b"text\n" + b"a" * 252 + b"ustard\n", False),
        ("x.csv.gz", COMPRESS[".gz"](b"text\na\n"), False),
        ("x.csv.gz", b"\x1f\x8bbroken", False),
        ("x.docx", zip_of(Zipped(name=b"a.csv")), False),
        ("x.jar", zip_of(Zipped(name=b"a.csv")), False),
        ("archive", zip_of(Zipped(name=b"[Content_Types].xml")), False),
    ],
)
def test_an_archive_is_told_by_its_name_or_its_first_bytes(
    tmp_path: Path, name: str, data: bytes, is_one: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert is_archive(path) is is_one


def test_the_content_decides_which_archive_it_is(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(COMPRESS[".zst"](tar_of(("a.csv", csv("a")))))
    assert all_texts(path) == {"a.csv": ["a"]}
    path = tmp_path / "x.tar.gz"
    path.write_bytes(tar_of(("a.csv", csv("b"))))
    assert all_texts(path) == {"a.csv": ["b"]}
    path.write_bytes(zip_of(Zipped(name=b"a.csv", data=csv("c"))))
    assert all_texts(path) == {"a.csv": ["c"]}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.zip", b"id,text\n", "is no zip archive: it begins with b'id,text"),
        ("x.zip", b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive"),
        ("x.zip", b"", "is empty"),
        ("x.tar", b"", "is empty"),
        ("x.tar", b"id,text\n" * 100, "is no tar archive: it begins with b'id,text"),
        ("x.tar.gz", COMPRESS[".gz"](b"id,text\n" * 100), "is no tar archive"),
        ("x.tar.gz", b"<html>", "is a web page"),
        ("x.tar.zst", COMPRESS[".zst"](tar_of(("a.csv", b"text\n")))[:20], "is truncated"),
    ],
)
def test_what_is_no_archive_in_spite_of_its_name_is_an_error(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError, match="x") as raised:
        members(path)
    assert f"{path} {message}" in str(raised.value)


def test_a_missing_archive_is_an_error(tmp_path: Path) -> None:
    for name in ("x.zip", "x.tar", "x.tar.gz"):
        with pytest.raises(SourceError, match="cannot be read: No such file"):
            members(tmp_path / name)


def test_an_archive_opened_as_a_source_says_what_it_is(tmp_path: Path) -> None:
    for make in (make_zip, make_tar, packed_tar(".gz")):
        with pytest.raises(SourceError, match=r"is a (zip|tar) archive"):
            open_source(make(tmp_path, ("a.csv", csv("a"))), ReadOptions(kind="csv")).inspect()


@MAKES
def test_the_only_member_may_have_any_name_where_the_archives_tells_the_kind(tmp_path: Path, make: Make) -> None:
    for inner in ("comments", "data.txt"):
        made = make(tmp_path, ("__MACOSX/._a", b"\0"), (inner, csv("a")))
        path = made.rename(tmp_path / made.name.replace("x.", "x.csv.", 1))
        assert all_texts(path) == {inner: ["a"]}
    made = make(tmp_path, ("x.csv.zip", csv("a")))
    path = made.rename(tmp_path / "x.csv.zip")
    assert all_texts(path) == {"x.csv.zip": ["a"]}
    assert members(make(tmp_path, ("comments", csv("a")))).places == ()


@MAKES
def test_members_of_one_name_are_told_apart(tmp_path: Path, make: Make) -> None:
    with warnings.catch_warnings(action="ignore"):  # zipfile's, of two members of one name
        path = make(
            tmp_path,
            ("a.csv.gz", COMPRESS[".gz"](csv("first"))),
            ("a.csv (2).gz", b""),
            ("./a.csv.gz", COMPRESS[".gz"](csv("second"))),
            ("a (2).csv.gz", COMPRESS[".gz"](csv("another"))),
            ("a.csv.gz", COMPRESS[".gz"](csv("third"))),
            ("RC_x", dump([comment_line(1)])),
            ("RC_x", dump([comment_line(2)])),
        )
    found = [place for place in members(path).places if place.member != "a.csv (2).gz"]
    assert {place.member: texts(open_source(again(place))) for place in found} == {
        "a.csv.gz": ["first"],
        "a (2).csv.gz": ["another"],
        "a (3).csv.gz": ["second"],
        "a (4).csv.gz": ["third"],
        "RC_x": ["comment 1"],
        "RC_x (2)": ["comment 2"],
    }


NAMES = [
    b"../../up.csv",
    b"/etc/absolute.csv",
    b"new\nline\x1b[31m.csv",
    b"latin-\xe9\xff.csv",
    b"latin-\xe9\xfe.csv",
    "grüße.csv".encode(),
    b"in!/side.csv",
    b"C:\\windows\\x.csv",
    b"long" * 100 + b".csv",
]


def hostile_zip(folder: Path, flags: int) -> Path:
    path = folder / "x.zip"
    path.write_bytes(
        zip_of(*(Zipped(name=name, data=csv(str(n)), flags=flags) for n, name in enumerate([*NAMES, b"nul\0.csv"])))
    )
    return path


def hostile_tar(folder: Path, form: int) -> Path:
    path = folder / "x.tar"
    path.write_bytes(
        tar_of(*((name.decode("utf-8", "surrogateescape"), csv(str(n))) for n, name in enumerate(NAMES)), form=form)
    )
    return path


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda folder: hostile_zip(folder, 0), id="zip cp437"),
        pytest.param(lambda folder: hostile_zip(folder, 0x800), id="zip UTF-8"),
        pytest.param(lambda folder: hostile_tar(folder, tarfile.PAX_FORMAT), id="tar PAX"),
        pytest.param(lambda folder: hostile_tar(folder, tarfile.GNU_FORMAT), id="tar GNU"),
    ],
)
def test_names_are_harmless_and_survive_the_ledger(tmp_path: Path, make: Make) -> None:
    folder = tmp_path / "wow!"  # whose name ends as what stands between an archive and its member begins
    folder.mkdir()
    path = make(folder)
    before = sorted(tmp_path.rglob("*"))
    found = members(path)
    assert [texts(open_source(again(place))) for place in found.places] == [[str(n)] for n in range(len(found.places))]
    assert len(found.places) >= len(NAMES)
    assert len({place.name for place in found.places}) == len(found.places)
    for place in found.places:
        assert place.name.encode()
        assert str(place).isprintable()
        assert not {"", ".", ".."} & set(place.name.split("/"))
        assert len(place.name) <= 240
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_in_a_folder_of_any_bytes_is_found_again(tmp_path: Path) -> None:
    folder = tmp_path / "latin-\udce9"
    folder.mkdir()
    (place,) = members(make_zip(folder, ("100%25/a.csv", csv("a")))).places
    assert texts(open_source(again(place))) == ["a"]


@MAKES
def test_the_folders_in_an_archive_are_columns_as_those_around_it_are(tmp_path: Path, make: Make) -> None:
    folder = tmp_path / "year=2005"
    folder.mkdir()
    path = make(folder, ("subreddit=a%20b/x.csv", csv("a")), ("sub/month=1/x.csv", csv("b")))
    inner, outer = members(path).places
    assert inner.partitions == {"year": "2005", "subreddit": "a b"}
    assert outer.partitions == {"month": "1"}
    assert inner.name == f"year=2005/{path.name}/subreddit=a%20b/x.csv"


def test_a_file_by_a_members_name_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "x!" / "a.csv"
    path.parent.mkdir()
    path.write_bytes(csv("a"))
    assert again(Place.at(path)) == Place.at(path)
    path.unlink()
    assert str(Place.from_kept(Place.at(path).kept(), "a.csv")) == str(path)


@MAKES
def test_the_share_read_is_that_of_the_member(tmp_path: Path, make: Make) -> None:
    data = csv(*(str(n * n) for n in range(10_000)))
    for place in members(make(tmp_path, ("a.csv", data), ("b.csv", csv("b")), ("c.csv", data))).places:
        stream = ByteStream(place)
        shares = [stream.share_read, *(stream.share_read for _ in stream)]
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert shares[1] > 0
        assert shares[-1] == 1


@MAKES
def test_a_member_starts_anywhere(tmp_path: Path, make: Make) -> None:
    path = make(tmp_path, ("a.csv", csv(*(str(n) for n in range(1000)))), ("b.csv", csv("b")))
    source = open_source(members(path).places[0])
    records, error = read(source, 990)
    assert error is None
    assert [record.position for record in records] == list(range(990, 1000))


@MAKES
def test_a_bomb_is_refused_in_bounded_blocks(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member_module, "_LARGEST", 2 * BLOCK)
    monkeypatch.setattr(member_module, "_RATIO", 5)
    inner = COMPRESS[".zst"](bytes(8 * BLOCK))
    path = make(tmp_path, ("a.csv", csv("a")), ("RC_x.zst", inner), ("b.csv", csv("b")))
    for place in members(path).places:
        if place.member != "RC_x.zst":
            assert texts(open_source(place))
            continue
        given: list[int] = []
        with pytest.raises(
            SourceError, match=r"is refused: [0-9]+ bytes unpack to [0-9]+ or more, over 5 times as many"
        ):
            given.extend(len(block) for block in ByteStream(place))
        assert max(given, default=0) <= BLOCK


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_bomb_in_a_compressed_tar_costs_only_what_follows_it(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "_LARGEST", 2 * BLOCK)
    monkeypatch.setattr(member_module, "_RATIO", 5)
    path = packed_tar(suffix)(tmp_path, ("a.csv", csv("a")), ("bomb.csv", bytes(8 * BLOCK)), ("b.csv", csv("b")))
    found = members(path)
    assert [place.member for place in found.places] == ["a.csv", "bomb.csv"]
    assert f"{path} is refused" in str(found.error)
    assert texts(open_source(found.places[0])) == ["a"]
    assert "is refused" in failure(found.places[1])


def test_what_unpacks_well_and_is_no_bomb_is_read(tmp_path: Path) -> None:
    data = bytes(6 << 20)
    for make in (make_zip, packed_tar(".zst")):
        (place,) = members(make(tmp_path, ("a.csv", data))).places
        assert sum(map(len, ByteStream(place))) == len(data)


def test_a_fingerprint_is_the_archives_and_the_members(tmp_path: Path) -> None:
    path = make_zip(tmp_path, ("a.csv", csv("a")), ("b.csv", csv("b")))
    first, second = members(path).places
    assert len({fingerprint(first), fingerprint(second), fingerprint(path)}) == 3
    assert fingerprint(first).startswith(f"{fingerprint(path)}:")
    assert fingerprint(again(first)) == fingerprint(first)
    assert fingerprint(Place.at(path)) == fingerprint(path)
    copy = tmp_path / "copy.zip"
    copy.write_bytes(path.read_bytes())
    assert fingerprint(members(copy).places[0]) == fingerprint(first)


def test_an_archive_that_changed_is_listed_anew(tmp_path: Path) -> None:
    for make in (make_zip, make_tar, packed_tar(".gz")):
        (place,) = members(make(tmp_path, ("a.csv", csv("a")))).places
        make(tmp_path, ("b.csv", csv("b", "c")))
        assert f"{place} is not there: the archive has no such file" in failure(place)
        assert all_texts(place.path) == {"b.csv": ["b", "c"]}
        place.path.unlink()
        assert f"{place.path} cannot be read: No such file" in failure(place)


@MAKES
def test_a_member_that_wants_seeking_is_copied_to_where_nothing_stays(tmp_path: Path, make: Make) -> None:
    data = bytes(range(256)) * 500
    place = members(make(tmp_path, ("a.parquet", data))).places[0]
    before = sorted(tmp_path.rglob("*"))
    with opened(place) as file:
        file.seek(-256, 2)
        assert file.read() == bytes(range(256))
        file.seek(0)
        assert file.read() == data
        assert sorted(tmp_path.rglob("*")) == before
    assert file.closed


def test_a_disk_without_room_for_the_copy_is_an_error(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    (place,) = members(make_zip(tmp_path, ("a.parquet", bytes(100_000)))).places
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with (
            pytest.raises(SourceError, match=r"cannot be copied to .*File too large; make room, set TMPDIR"),
            opened(place),
        ):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
