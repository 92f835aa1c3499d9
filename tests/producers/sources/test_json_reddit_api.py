"""Answers of Reddit's API, and what tools make of them: each comment and submission in them is a record."""

import json
from pathlib import Path

import pytest

from moodmill.db.core.errors import NoSourceError
from moodmill.producers.sources import open_source
from moodmill.producers.sources.record import Bad, Parsed, Source
from tests.producers.sources.test_support import bads, comments, read_all, write


def listing(*children: object) -> dict[str, object]:
    return {"kind": "Listing", "data": {"after": "t1_x", "dist": len(children), "children": [*children]}}


def thing(kind: str, **data: object) -> dict[str, object]:
    return {"kind": kind, "data": data}


def comment(number: int, *replies: object) -> dict[str, object]:
    inner = listing(*replies) if replies else ""
    return thing("t1", id=f"c{number}", name=f"t1_c{number}", body=f"text {number}", author="alice", replies=inner)


def post(**data: object) -> dict[str, object]:
    return thing("t3", id="p", title="Title", selftext="", subreddit="python", created_utc=1_700_000_000.0, **data)


MORE = thing("more", count=7, id="m", children=["d1", "d2"])
THREAD = [listing(post()), listing(comment(1, comment(2, comment(3), MORE), comment(4)), comment(5), MORE)]
IN_ORDER = ["t3_p", "c1", "c2", "c3", "more", "c4", "c5", "more"]


def source(folder: Path, text: str) -> Source:
    return open_source(write(folder / "x.json", text))


def outcomes(found: Source) -> list[str]:
    records = read_all(found)
    assert [record.position for record in records] == [*range(len(records))]
    for start in range(len(records) + 1):
        assert read_all(found, start) == records[start:]
    return [
        record.error if isinstance(record, Bad) else "more" if record.gone == "not loaded" else record.comment.id
        for record in records
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_thread_is_its_submission_and_all_its_comments(tmp_path: Path, indent: int | None) -> None:
    found = source(tmp_path, json.dumps(THREAD, indent=indent))
    assert outcomes(found) == IN_ORDER
    assert found.inspect().fields.ids == "reddit"
    first, second = comments(read_all(found))[:2]
    assert (first.text, first.subreddit, first.created_at is None) == ("Title", "python", False)
    assert (second.text, second.author) == ("text 1", "alice")


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (json.dumps(listing(comment(1), post())), ["c1", "t3_p"]),
        (json.dumps([comment(1), comment(2, comment(3))]), ["c1", "c2", "c3"]),
        (json.dumps(comment(1)) + "\n" + json.dumps(comment(2, comment(3))), ["c1", "c2", "c3"]),
        (json.dumps(comment(1, comment(2)), indent=1), ["c1", "c2"]),
        (json.dumps(listing(comment(1))) + "\n" + json.dumps(listing(comment(2))) + "\n", ["c1", "c2"]),
        (json.dumps(THREAD) + "\n" + json.dumps(listing(comment(9))), [*IN_ORDER, "c9"]),
        (json.dumps({"json": {"data": {"things": [comment(1), MORE]}}}), ["c1", "more"]),
        (json.dumps(listing(comment(1), thing("t5", id="s", title="a", created_utc=1))), ["c1", "t5"]),
        (json.dumps(listing(comment(1), 5, thing("t1", body="a"))), ["c1", "int", "id"]),
    ],
)
def test_parts_of_answers_are_read_alike(tmp_path: Path, written: str, ids: list[str]) -> None:
    errors = {
        "t5": "expected a comment (t1) or a submission (t3), found t5",
        "int": "expected a JSON object, found a number",
        "id": "expected the field 'id' to hold a string, found none",
    }
    assert outcomes(source(tmp_path, written)) == [errors.get(one, one) for one in ids]


def test_comments_that_tools_nest_in_their_submission_are_records(tmp_path: Path) -> None:
    inner = {"id": "c1", "body": "text 1", "replies": [{"id": "c2", "body": "text 2", "replies": []}]}
    thread = {"id": "p", "title": "Title", "selftext": "text", "subreddit": "python", "comments": [inner]}
    for written in (json.dumps(thread, indent=4), json.dumps([thread]), json.dumps(thread) + "\n"):
        assert outcomes(source(tmp_path, written)) == ["t3_p", "c1", "c2"]
    parted = {"data": {"submission_metadata": {**thread, "comments": 1}, "comments": [inner]}, "settings": {}}
    assert outcomes(source(tmp_path, json.dumps(parted))) == ["t3_p", "c1", "c2"]


def test_a_long_thread_keeps_its_submission(tmp_path: Path) -> None:
    inner = [{"id": f"c{n}", "body": "x" * 20_000, "replies": []} for n in range(60)]
    thread = {"id": "p", "title": "Title", "selftext": "text", "subreddit": "python", "comments": inner}
    for written, threads in ((json.dumps(thread, indent=4), 1), (json.dumps([thread, thread]), 2)):
        ids = [one.id for one in comments(read_all(source(tmp_path, written)))]
        assert ids == ["t3_p", *(f"c{n}" for n in range(60))] * threads


def test_records_inside_of_others_that_are_no_answers_are_none(tmp_path: Path) -> None:
    original = {"id": "q", "title": "b", "over_18": False}
    crosspost = {"id": "p", "title": "a", "selftext": "", "crosspost_parent_list": [original]}
    for written in (json.dumps(crosspost), json.dumps([crosspost])):
        assert outcomes(source(tmp_path, written)) == ["t3_p"]


def test_bad_things_can_be_parsed_again(tmp_path: Path) -> None:
    odd = [thing("t1", body="a", replies=listing(comment(1))), thing("t5", id="s"), 5, {"id": "x"}, comment(2)]
    found = source(tmp_path, json.dumps(listing(*odd)))
    records = read_all(found)
    assert [isinstance(record, Bad) for record in records] == [True, False, True, True, True, False]
    for bad in bads(records):
        assert found.parse(bad.payload, bad.position) == bad
    mended = found.parse('{"id": "c9", "body": "text"}', 7)
    assert isinstance(mended, Parsed)
    assert (mended.comment.id, mended.position) == ("c9", 7)


def test_deep_replies_are_read_or_told(tmp_path: Path) -> None:
    deep = comment(30)
    for number in range(29, -1, -1):
        deep = comment(number, deep)
    assert len(outcomes(source(tmp_path, json.dumps(listing(deep))))) == 31
    bomb = '{"kind": "t1", "data": {"id": "a", "body": "b", "replies": ' + "[" * 500_000 + "]" * 500_000 + "}}"
    first, second = read_all(source(tmp_path, f"[{json.dumps(comment(1))}, {bomb}]"))
    assert isinstance(first, Parsed)
    assert isinstance(second, Bad)
    assert second.error == "expected a JSON object, found one nested too deep"


def test_an_answer_of_users_or_subreddits_holds_no_records(tmp_path: Path) -> None:
    with pytest.raises(NoSourceError, match="holds no records"):
        source(tmp_path, json.dumps(listing(thing("t5", id="s", title="a", created_utc=1)))).inspect()
