"""Reddit's dumps with all that occurs in them."""

import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from moodmill.db.core.comment import MAX_ID
from moodmill.db.core.filters import ALL
from moodmill.db.core.payload import PAYLOAD_LIMIT, kept_payload
from moodmill.producers.sources import ReadOptions, open_source
from moodmill.producers.sources.record import Bad, Parsed
from tests.producers.sources.test_support import (
    COMPRESS,
    bads,
    comment_line,
    comments,
    dump,
    only,
    position_of,
    read,
    read_all,
    write,
)

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "reddit" / "RC_2005-12.zst"


REDDIT = ReadOptions(kind="reddit")


def parse(record: object, path: Path = Path("RC_x")) -> Parsed | Bad:
    return open_source(path, REDDIT).parse(json.dumps(record), 7)


def parsed(**fields: object) -> Parsed:
    return only([parse({"id": "c1", "body": "text"} | fields)])


def submission(**fields: object) -> Parsed:
    return only([parse({"id": "s1", "title": "Title"} | fields)])


def test_a_comment_has_its_fields() -> None:
    comment = parsed(body="a &gt; b", author="alice", subreddit="python", created_utc=1_134_365_188).comment
    assert (comment.id, comment.text, comment.position) == ("c1", "a > b", 7)
    assert (comment.author, comment.subreddit) == ("alice", "python")
    assert comment.created_at == datetime(2005, 12, 12, 5, 26, 28, tzinfo=UTC)


def test_a_submission_is_its_title_and_text_under_reddits_prefix() -> None:
    assert submission(selftext="Body &amp; soul").comment.text == "Title\n\nBody & soul"
    assert submission(selftext=None).comment.text == submission(selftext="").comment.text == "Title"
    assert submission().comment.id == "t3_s1"
    assert submission(title="A &amp;amp; B", selftext="&amp;#x200B;").comment.text == "A & B"


@pytest.mark.parametrize("created", [1_134_365_188, "1134365188", 1_134_365_188.0, "1134365188.0"])
def test_created_utc_may_be_int_string_or_float(created: object) -> None:
    assert parsed(created_utc=created).comment.created_at == datetime(2005, 12, 12, 5, 26, 28, tzinfo=UTC)


@pytest.mark.parametrize("created", [None, True, "", "soon", 10**30, {}, []])
def test_a_time_that_is_none_does_not_lose_the_comment(created: object) -> None:
    assert parsed(created_utc=created).comment.created_at is None


@pytest.mark.parametrize(
    "oddity",
    [
        {"score": None},
        {"score": "12"},
        {"parent_id": 25},
        {"edited": False},
        {"edited": 1.5e9},
        {"edited": 1_500_000_000},
        {"author": None},
        {"author": 5},
        {"subreddit": None},
        {"subreddit": ["x"]},
        {"retrieved_on": None},
        {"_meta": None},
        {"_meta": 3},
        {"_meta": ["removal_type"]},
        {"_meta": {"removal_type": None, "was_deleted_later": False}},
        {"title": None},
        {"note": "\ud83d"},
        {"number": 10**400},
    ],
)
def test_odd_fields_do_not_matter(oddity: dict[str, object]) -> None:
    record = parsed(**oddity)
    assert (record.comment.text, record.gone, record.deleted_later) == ("text", None, False)
    assert record.comment.author is None
    assert record.comment.subreddit is None


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"\ud83d alone", "\ufffd alone"),
        (rb"\ud83d\ude00 and \ud83d", "😀 and \ufffd"),
        (rb"\ud83d\ude00", "😀"),
        (rb"nul \u0000", "nul \ufffd"),
        (b"broken \xff utf-8", "broken \ufffd utf-8"),
        (b"raw \t tab", "raw \t tab"),
        ("line\u2028separator\r".encode(), "line\u2028separator\r"),
    ],
)
def test_odd_characters_do_not_lose_the_comment(tmp_path: Path, written: bytes, text: str) -> None:
    line = b'{"id":"c1","body":"' + written + b'","author":"' + written + b'","created_utc":1}'
    comment = only(read_all(open_source(write(tmp_path / "RC_x", line)))).comment
    assert (comment.text, comment.author) == (text, text.strip())


def test_an_integer_id_is_written_as_a_string() -> None:
    assert parsed(id=25).comment.id == "25"
    assert parsed(id=25, author="\ud83d").comment.id == "25"


@pytest.mark.parametrize("number", [None, True, 2.5, "", {}, []])
def test_a_record_without_id_is_bad(number: object) -> None:
    record = parse({"id": number, "body": "text"})
    assert isinstance(record, Bad)
    assert "'id'" in record.error


def test_an_id_that_no_index_takes_is_bad() -> None:
    assert parsed(id="é" * MAX_ID).comment.id == "é" * MAX_ID
    record = parse({"id": "é" * (MAX_ID + 1), "body": "text"})
    assert isinstance(record, Bad)
    assert record.error == f"expected an id of at most {MAX_ID} characters, found one of {MAX_ID + 1}"


def test_a_body_of_another_type_is_bad() -> None:
    record = parse({"id": "c1", "body": 5, "title": []})
    assert isinstance(record, Bad)
    assert record.error == "expected the field 'body' to hold a string, found int"


def test_a_time_that_cannot_be_read_is_noted() -> None:
    assert parsed(created_utc="yesterday").notes == (("unread time", "'yesterday' in created_utc"),)
    assert parsed(created_utc=None).notes == ()


@pytest.mark.parametrize("record", [{"id": "c1"}, {"id": "c1", "body": None}])
def test_a_record_without_body_and_title_is_bad(record: object) -> None:
    error = "expected the field 'body' (a comment) or 'title' (a submission), found neither"
    assert parse(record) == Bad(position=7, error=error, payload=json.dumps(record))


@pytest.mark.parametrize(
    "payload",
    ["{", "[1]", "null", '"text"', "not json", '{"id": "c1"', "[" * 100_000, '{"a":' * 100_000, "1" * 5000, "\0"],
)
def test_what_is_no_object_is_bad_and_keeps_its_payload(payload: str) -> None:
    record = open_source(Path("RC_x"), REDDIT).parse(payload, 3)
    assert isinstance(record, Bad)
    assert record.error.startswith("expected a JSON object, found ")
    assert "\n" not in record.error
    assert record.payload == kept_payload(payload.replace("\0", "\ufffd"))


@pytest.mark.parametrize(
    ("body", "reason"), [("[deleted]", "deleted"), (" [removed]\n", "removed"), ("[ Removed by Reddit ]", "removed")]
)
def test_texts_that_are_gone_are_told(body: str, reason: str) -> None:
    assert parsed(body=body).gone == reason
    assert submission(selftext=body).gone == reason
    assert parsed(body=f"not {body}").gone is None


def test_a_submission_that_left_only_a_marker_as_title_is_gone() -> None:
    assert submission(title="[deleted by user]").gone == "deleted"
    assert submission(title="[deleted by user]", selftext="[removed]").gone == "removed"


def test_a_title_that_stands_without_its_text_is_noted() -> None:
    record = submission(selftext="[removed]")
    assert (record.gone, record.notes) == ("removed", (("removed title", None),))
    assert submission(title="[deleted by user]", selftext="[removed]").notes == ()
    assert submission(selftext="Body").notes == submission().notes == parsed(body="[removed]").notes == ()


def test_removed_titles_are_labelled_on_request(tmp_path: Path) -> None:
    later = {"was_deleted_later": True, "removal_type": "moderator"}
    lines = [
        {"id": "s1", "title": "It &gt; that", "selftext": "[removed]", "_meta": later},
        {"id": "s2", "title": "[ Removed by moderator ]", "selftext": "[removed]"},
        {"id": "s3", "title": "Title", "selftext": "Body"},
        {"id": "c1", "body": "[removed]"},
    ]
    path = write(tmp_path / "RS_x", dump(json.dumps(line).encode() for line in lines))
    source = open_source(path, ReadOptions(removed_titles=True))
    records = [record for record in read_all(source) if isinstance(record, Parsed)]
    assert [(record.comment.id, record.gone) for record in records] == [
        ("t3_s1", None),
        ("t3_s2", "removed"),
        ("t3_s3", None),
        ("c1", "removed"),
    ]
    assert [record.comment.text for record in records if record.gone is None] == ["It > that", "Title\n\nBody"]
    assert [record.deleted_later for record in records] == [True, False, False, False]
    assert source.parse(json.dumps(lines[0]), 0) == records[0]


@pytest.mark.parametrize("body", ["&amp;#x200B;", "\u200b", "\u2060\u200d\ufeff", r"\u0000", " "])
def test_a_text_with_nothing_to_see_is_empty(body: str) -> None:
    assert ALL.reason_to_skip(parsed(body=body.replace(r"\u0000", "\0"))) == "empty"


@pytest.mark.parametrize(
    ("meta", "later"),
    [
        ({"was_deleted_later": True}, True),
        ({"removal_type": "moderator"}, True),
        ({"was_deleted_later": False, "removal_type": None}, False),
        ({"was_deleted_later": "no"}, False),
        ({"was_initially_deleted": True, "removal_type": "removed"}, False),
        ({"was_initially_deleted": True, "was_deleted_later": True, "removal_type": "removed"}, True),
        ({"was_initially_deleted": False, "removal_type": "removed"}, True),
    ],
)
def test_what_was_deleted_later_is_told(meta: object, later: bool) -> None:
    assert parsed(_meta=meta).deleted_later is later
    assert parsed(_meta=meta, author="\ud83d").deleted_later is later


def test_positions_are_line_numbers_and_blank_lines_no_records(tmp_path: Path) -> None:
    data = b"\n" + comment_line(1) + b"\n  \r\n{\n" + comment_line(4) + b"\n\n"
    records = read_all(open_source(write(tmp_path / "RC_x", data)))
    assert [position_of(record) for record in records] == [1, 3, 4]
    assert [bad.position for bad in bads(records)] == [3]


def test_nuls_around_a_line_do_not_lose_its_comment(tmp_path: Path) -> None:
    nuls = bytes(5000)
    data = nuls + comment_line(0) + b"\n" + comment_line(1) + nuls + b"\r\n" + nuls + b"\n" + nuls + comment_line(3)
    records = read_all(open_source(write(tmp_path / "RC_x", data)))
    assert [(comment.id, comment.position) for comment in comments(records)] == [("c0", 0), ("c1", 1), ("c3", 3)]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_what_follows_the_data_costs_no_comment(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"RC_x{suffix}", dump([comment_line(0)]) + comment_line(1))
    with path.open("ab") as file:
        file.write(b"garbage")
    records, error = read(open_source(path))
    assert [comment.id for comment in comments(records)] == ["c0", "c1"]
    assert "holds 7 bytes of something else" in str(error)


@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_an_overlong_line_is_one_bad_record(tmp_path: Path, suffix: str) -> None:
    data = dump([comment_line(0), comment_line(1, body="x" * 40_000_000), comment_line(2)])
    first, overlong, last = read_all(open_source(write(tmp_path / f"RC_x{suffix}", data)))
    assert [comment.position for comment in comments([first, last])] == [0, 2]
    assert isinstance(overlong, Bad)
    assert overlong.error == f"line of {len(comment_line(1, body='')) + 40_000_000} bytes; at most 16 MiB are read"
    assert len(overlong.payload) <= PAYLOAD_LIMIT


def test_a_truncated_dump_gives_a_prefix_and_then_an_error(tmp_path: Path) -> None:
    # Many frames, so that every cut has whole ones before it.
    frames = [COMPRESS[".zst"](dump([comment_line(n)])) for n in range(50)]
    data = b"".join(frames)
    path = tmp_path / "RC_x.zst"
    for cut in (len(data) // 5 + 1, len(data) // 2 + 1, len(data) - 1):
        path.write_bytes(data[:cut])
        records, error = read(open_source(path))
        assert error is not None
        assert [comment.id for comment in comments(records)] == [f"c{n}" for n in range(len(records))]
        assert len(b"".join(frames[: len(records)])) <= cut < len(b"".join(frames[: len(records) + 1]))


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_single_frame_that_is_cut_gives_what_it_holds(tmp_path: Path, suffix: str) -> None:
    # Given noise, of which the compressors make several blocks (bzip2's are the longest: 900 kB)
    noise = random.Random(7)
    lines = [comment_line(n, body=noise.randbytes(2000).hex()) for n in range(600)]
    path = write(tmp_path / f"RC_x{suffix}", dump(lines))
    data = path.read_bytes()
    counts = []
    for share in (0.01, 0.85, 0.95):
        # when it is cut
        path.write_bytes(data[: int(len(data) * share)])
        records, error = read(open_source(path))
        # then its complete lines come first
        assert "is truncated" in str(error)
        assert [comment.id for comment in comments(records)] == [f"c{n}" for n in range(len(records))]
        counts.append(len(records))
    assert counts == sorted(counts)
    assert counts[0] < 20
    assert counts[-1] > 200


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason=f"the real dump {REAL.name} is not beside the checkout")
def test_the_first_month_of_reddit_is_read_whole() -> None:
    source = open_source(REAL)
    source.inspect()
    records = read_all(source)
    assert Counter(record.gone if isinstance(record, Parsed) else "bad" for record in records) == {
        "deleted": 105,
        "removed": 15,
        None: 955,
    }
    assert len({comment.id for comment in comments(records)}) == 1075
    assert all(comment.created_at and comment.created_at.year == 2005 for comment in comments(records))
    assert read_all(source, 1000) == records[1000:]
    assert source.share_read() == 1


def test_bytes_that_are_no_utf_8_are_noted(tmp_path: Path) -> None:
    data = dump([b'{"id": "c1", "body": "caf\xe9"}', '{"id": "c2", "body": "café"}'.encode(), comment_line(3)])
    records = read_all(open_source(write(tmp_path / "RC_x", data)))
    assert [record.notes for record in records if isinstance(record, Parsed)] == [(("not UTF-8", None),), (), ()]
    assert comments(records)[0].text == "caf\ufffd"


def test_folders_say_the_subreddit_of_records_that_do_not(tmp_path: Path) -> None:
    (tmp_path / "subreddit=python").mkdir()
    data = dump([comment_line(1), comment_line(2, subreddit="news")])
    source = open_source(write(tmp_path / "subreddit=python" / "x.ndjson", data))
    assert [comment.subreddit for comment in comments(read_all(source))] == ["python", "news"]
