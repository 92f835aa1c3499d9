"""Sources elsewhere: read as those of this machine are, whatever happens to a connection."""

import io
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from moodmill.db.core.elsewhere import path_of
from moodmill.db.core.errors import SettingError, SourceError
from moodmill.producers.schedule.file_discovery import look_at_files
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.sources import Place, discover, fingerprint, open_source, remote
from tests.producers.sources.test_support import zstd
from tests.storage import BUCKET, SECRET, Bucket, Web, filesystem, s3_server, web_server

pytestmark = [pytest.mark.xdist_group("s3"), pytest.mark.process]

LINES = b"".join(b'{"id":"c%d","body":"text %d","created_utc":1136073600}\n' % (n, n) for n in range(3_000))
CSV = b"id,text\n" + b"".join(b"c%d,text %d\n" % (n, n) for n in range(3_000))


@pytest.fixture(scope="module")
def server() -> Iterator[Mapping[str, str]]:
    with s3_server() as settings:
        yield settings


@pytest.fixture
def bucket(server: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bucket:
    """What this test alone puts into a bucket; the environment says who reads it."""
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return Bucket(filesystem(server), f"{BUCKET}/{tmp_path.name}")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE_S", 0.01)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/table.csv", CSV)
    return out.getvalue()


def as_parquet() -> bytes:
    out = io.BytesIO()
    rows = range(3_000)
    parquet.write_table(pa.table({"id": [f"c{n}" for n in rows], "text": [f"text {n}" for n in rows]}), out)
    return out.getvalue()


KINDS = {
    "RC_2006-01.zst": zstd.compress(LINES),
    "RC_2006-01": LINES,
    "table.csv": CSV,
    "table.parquet": as_parquet(),
}


def texts(place: Place | Path) -> list[str]:
    return [record.comment.text for record in open_source(place).records()]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", KINDS)
def test_an_object_is_read_as_a_file_of_this_machine_is(bucket: Bucket, name: str) -> None:
    place = Place.at(path_of(bucket.put(f"dumps/{name}", KINDS[name])))
    assert texts(place) == [f"text {n}" for n in range(3_000)]
    assert (place.name, str(place)) == (name, bucket.url(f"dumps/{name}"))


def test_a_member_of_an_archive_elsewhere_is_found_again_by_what_the_ledger_keeps(bucket: Bucket) -> None:
    place = Place.at(path_of(bucket.put("all.zip", zipped())), "inner/table.csv")
    assert place.kept() == f"{bucket.url('all.zip')}!/inner/table.csv"
    again = Place.from_kept(place.kept(), place.name)
    assert texts(again) == [f"text {n}" for n in range(3_000)]
    assert fingerprint(again) == fingerprint(place)


def test_a_folder_and_a_pattern_stand_for_their_files(bucket: Bucket) -> None:
    for key in ("d/RC_2006-01", "d/RC_2006-02", "d/sub/table.csv", "d/picture.png", "d/.hidden.csv", "other.csv"):
        bucket.put(key, CSV)
    found = discover([path_of(bucket.url("d"))])
    assert [str(place) for place in found.places] == [
        bucket.url(key) for key in ("d/RC_2006-01", "d/RC_2006-02", "d/sub/table.csv")
    ]
    assert list(found.passed_over.values()) == [[bucket.url("d/picture.png")]]
    several = discover([path_of(bucket.url("d/RC_*")), path_of(bucket.url("d/RC_2006-02"))])
    assert [place.name for place in several.places] == ["RC_2006-01", "RC_2006-02"]
    with pytest.raises(SourceError, match="nothing there has such a name"):
        discover([path_of(bucket.url("d/RS_*"))])
    with pytest.raises(SourceError, match="does not exist: expected a file or a folder"):
        discover([path_of(bucket.url("nothing"))])


def test_a_file_whose_name_looks_like_a_pattern_is_itself(bucket: Bucket) -> None:
    url = bucket.put("d/table[1].csv", CSV)
    assert [str(place) for place in discover([path_of(url)]).places] == [url]


def test_a_job_labels_what_is_new_below_its_urls_and_a_pattern_without_any_is_no_error(bucket: Bucket) -> None:
    for key in ("d/RC_2006-01", "d/RC_2006-02", "d/picture.png"):
        bucket.put(key, CSV + key.encode())
    urls = [bucket.url(key) for key in ("d/RC_*", "d/RS_*", "d")]
    job = Job(cron="0 3 * * *", files=urls, settled=0)
    found = look_at_files(job, known=())
    assert [place.name for place in found.files] == ["RC_2006-01", "RC_2006-02"]
    assert (found.errors, list(found.passed_over)) == ((), ["of no known kind"])
    known = {fingerprint(found.files[0])}
    assert [place.name for place in look_at_files(job, known).files] == ["RC_2006-02"]
    gone = look_at_files(Job(cron="0 3 * * *", files=[bucket.url("nothing"), "s3://me:x@bucket/y"]), known=())
    assert gone.files == ()
    assert "nothing does not exist" in gone.errors[0]
    assert "lets in whoever has it" in gone.errors[1]


def test_a_fingerprint_is_of_the_content_wherever_it_lies(bucket: Bucket) -> None:
    first, second = (path_of(bucket.put(key, CSV)) for key in ("a.csv", "b.csv"))
    assert fingerprint(first) == fingerprint(second)
    mark = fingerprint(first)
    bucket.put("a.csv", CSV.replace(b"text 7\n", b"text 8\n"))
    assert fingerprint(first) != mark


def test_what_may_not_be_read_is_a_line_without_a_secret(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    url = bucket.put("a.csv", CSV)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET[::-1])
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(SourceError, match=r"cannot be read: (Forbidden|.*signature)") as refused:
        discover([path_of(url)])
    assert SECRET not in str(refused.value)
    assert SECRET[::-1] not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_server(table_csv=CSV) as one:
        yield one


def test_a_file_of_a_web_server_is_read_and_called_without_what_follows_its_question_mark(web: Web) -> None:
    place = Place.at(path_of(f"{web.url}/table.csv?version=3"))
    assert place.name == "table.csv"
    assert texts(place) == [f"text {n}" for n in range(3_000)]
    assert Place.from_kept(place.kept(), place.name) == place


@pytest.mark.parametrize("after", [0, 1_000])
def test_a_connection_that_breaks_is_made_anew_where_it_broke(web: Web, after: int) -> None:
    path = path_of(f"{web.url}/table.csv")
    web.breaks, web.after = 3, after
    assert texts(path) == [f"text {n}" for n in range(3_000)]
    assert web.breaks == 0


def test_what_was_read_before_a_connection_broke_is_not_asked_for_again(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_BLOCK", 4_096)
    with remote.open_remote(path_of(f"{web.url}/table.csv")) as file:
        begin = file.read(20_000)
        web.asked.clear()
        web.breaks, web.after = 2, 10
        assert begin + file.read() == CSV
    assert web.breaks == 0
    assert min(int(asked.removeprefix("bytes=").partition("-")[0]) for asked in web.asked) >= 16_384


def test_a_server_that_is_busy_is_asked_again(web: Web) -> None:
    path = path_of(f"{web.url}/table.csv")
    web.refuses = 3
    assert texts(path) == [f"text {n}" for n in range(3_000)]


def test_a_connection_that_breaks_again_and_again_is_an_error_in_a_line(web: Web) -> None:
    path = path_of(f"{web.url}/table.csv")
    web.breaks, web.after = 1_000, 100
    with pytest.raises(SourceError, match=r"table.csv cannot be read: ") as refused:
        texts(path)
    assert "\n" not in str(refused.value)
    assert 1_000 - web.breaks >= remote.TRIES


def test_a_file_that_changes_while_it_is_read_is_not_read_on(web: Web) -> None:
    path = path_of(f"{web.url}/table.csv")
    with remote.open_remote(path) as file:
        assert file.read(10) == CSV[:10]
    web.breaks, web.mark = 1, '"1"'
    opened = remote.open_remote(path)
    web.mark = '"2"'
    with opened, pytest.raises(OSError, match="it has changed while it was read"):
        opened.read()


def test_a_file_of_no_mark_has_the_fingerprint_of_its_ends(web: Web, tmp_path: Path) -> None:
    web.has_marks = False
    (tmp_path / "here.csv").write_bytes(CSV)
    assert fingerprint(path_of(f"{web.url}/table.csv")) == fingerprint(tmp_path / "here.csv")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://somebody:a-password@host/x.csv", "lets in whoever has it"),
        ("https://host/x.csv?X-Amz-Signature=abcdef", "lets in whoever has it"),
        ("https://host/x.csv?sig=abcdef&sv=1", "lets in whoever has it"),
        ("https://abcdef@host/x.csv", "lets in whoever has it"),
        ("https://host/x.csv?api_key=abcdef", "lets in whoever has it"),
        ("nothing://host/x.csv", "Unsupported filesystem"),
    ],
)
def test_a_url_that_says_a_secret_or_that_nothing_reads_is_refused_and_not_repeated(url: str, said: str) -> None:
    with pytest.raises(SettingError, match=said) as refused:
        path_of(url)
    assert "password" not in str(refused.value)
    assert "abcdef" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://host/x.csv?author=me&design=2", "s3://container@account/x.csv"])
def test_a_url_that_says_no_secret_is_taken(url: str) -> None:
    assert str(path_of(url)) == url


def test_without_the_extra_a_line_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "upath", None)
    with pytest.raises(SettingError, match=r"s3://b/x.csv cannot be read, .*pip install 'moodmill\[remote\]'"):
        path_of("s3://b/x.csv")


def test_paths_of_this_machine_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "a b.csv").write_bytes(CSV)
    assert path_of(str(tmp_path / "a b.csv")) == path_of(tmp_path / "a b.csv") == tmp_path / "a b.csv"
    assert path_of((tmp_path / "x.csv").as_uri()) == tmp_path / "x.csv"
