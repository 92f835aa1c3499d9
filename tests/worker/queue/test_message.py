"""What goes over Redis, and what is refused at the door."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import MoodmillError
from moodmill.worker.queue.message import MAX_COMMENTS, VERSION, ChunkMessage, NewerMessageError, read_message
from tests.worker.builders import chunk_of


def over_the_wire(**changed: Any) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(json.dumps(chunk_of(["i love this", "ünïcödé 🙂"]).to_json()))
    return sent | changed


def test_a_chunk_is_the_same_after_the_wire() -> None:
    assert read_message(over_the_wire()) == chunk_of(["i love this", "ünïcödé 🙂"])


@pytest.mark.parametrize(
    "at", [None, datetime(2009, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2024, 2, 29, 1, 2, 3, 456_789, UTC)]
)
def test_dates_survive_the_wire(at: datetime | None) -> None:
    comment = Comment(id="c", text="t", position=3, created_at=at)
    sent = ChunkMessage(run="r", number=1, source_number=2, source="s", comments=[comment], keep_text=True)
    received = read_message(json.loads(json.dumps(sent.to_json())))
    assert received == sent
    assert received.comments[0].created_at == at


def test_a_message_carries_its_version() -> None:
    assert over_the_wire()["version"] == VERSION


def test_a_message_says_whose_ids_its_comments_have() -> None:
    for ids in ("reddit", "table"):
        assert read_message(over_the_wire(ids=ids)).ids == ids
    with pytest.raises(MoodmillError, match="expected a chunk message"):
        read_message(over_the_wire(ids="file"))


def test_a_message_of_version_1_is_read_as_one_of_reddits_own_ids() -> None:
    older = {name: value for name, value in over_the_wire(version=1).items() if name != "ids"}
    received = read_message(older)
    assert (received.version, received.ids) == (1, "reddit")
    assert received.comments == chunk_of(["i love this", "ünïcödé 🙂"]).comments


def test_a_message_of_version_2_asks_for_no_precision() -> None:
    older = {name: value for name, value in over_the_wire(version=2, ids="table").items() if name != "precision"}
    received = read_message(older)
    assert (received.version, received.ids, received.precision) == (2, "table", "auto")
    assert read_message(over_the_wire(precision="int8")).precision == "int8"
    with pytest.raises(MoodmillError, match="expected a chunk message"):
        read_message(over_the_wire(precision="fp8"))


@pytest.mark.parametrize("others", [{}, {"comments": "of another shape"}, {"priority": 3}])
def test_a_newer_version_is_told_apart_whatever_else_it_holds(others: dict[str, Any]) -> None:
    with pytest.raises(NewerMessageError, match=f"version {VERSION + 1}.*upgrade"):
        read_message(over_the_wire(version=VERSION + 1, **others))


def without(field: str) -> dict[str, Any]:
    return {name: value for name, value in over_the_wire().items() if name != field}


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(without("run"), id="no run"),
        pytest.param(without("number"), id="no number"),
        pytest.param(without("comments"), id="no comments"),
        pytest.param(over_the_wire(priority=3), id="an unknown field"),
        pytest.param(over_the_wire(number="0"), id="a number as text"),
        pytest.param(over_the_wire(version="1"), id="a version as text"),
        pytest.param(over_the_wire(comments={"id": "c"}), id="comments that are no list"),
        pytest.param(over_the_wire(comments=[{"id": "c", "position": 0}]), id="a comment without text"),
        pytest.param(over_the_wire(comments=[{"id": "c", "text": None, "position": 0}]), id="a comment with null text"),
        pytest.param(
            over_the_wire(comments=[{"id": "c", "text": "t", "position": 0, "created_at": "yesterday"}]), id="no date"
        ),
        pytest.param({}, id="nothing"),
        pytest.param([1, 2], id="a list"),
        pytest.param("text", id="a text"),
        pytest.param(None, id="null"),
        pytest.param(7, id="a number"),
    ],
)
def test_what_is_no_chunk_is_refused_in_one_line(received: object) -> None:
    with pytest.raises(MoodmillError, match="expected a chunk message of version") as refused:
        read_message(received)
    assert not isinstance(refused.value, NewerMessageError)
    assert len(str(refused.value).splitlines()) == 1


def test_a_message_of_too_many_comments_is_refused() -> None:
    built = chunk_of(["a"]).to_json()
    comment = built["comments"][0]
    assert len(read_message(built | {"comments": [comment] * MAX_COMMENTS}).comments) == MAX_COMMENTS
    with pytest.raises(MoodmillError, match="Expected `array` of length <= 10000"):
        read_message(built | {"comments": [comment] * (MAX_COMMENTS + 1)})
