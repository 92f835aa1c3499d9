"""Which messages of the queue a worker takes, and that nothing else of them reaches Celery."""

import base64
import json
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from celery.worker.request import Request
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport.virtual import Channel, Message

from moodmill.worker.queue import envelope
from moodmill.worker.queue.celery_app import app
from moodmill.worker.queue.envelope import MAX_BODY, TASK, InvalidMessageError, accept, read_name
from moodmill.worker.queue.message import VERSION, ChunkMessage, NewerMessageError, read_message
from moodmill.worker.runtime.task import classify
from tests.texts import several
from tests.worker.builders import chunk_of

CHUNK = chunk_of(["i love this", "thanks \N{GRINNING FACE}"], run="20240301-abc", number=3)


def body_of(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


def task_of(argument: Any) -> str:
    return body_of([[argument], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}])


GOOD: dict[str, Any] = {
    "body": task_of(CHUNK.to_json()),
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "headers": {"task": TASK, "id": "7f3c", "argsrepr": "20240301-abc/3", "retries": 0, "timelimit": [None, None]},
    "properties": {
        "delivery_tag": "1",
        "delivery_info": {"exchange": "", "routing_key": "chunks"},
        "body_encoding": "base64",
    },
}
#: What a message may hold where another thing belongs: each killed a worker, or came back for ever.
NASTY: tuple[Any, ...] = (
    *(None, True, -1, 10**400, 1e300, "", "x", "x" * 999, "\0", "\ud800", "zlib", "base64", "not base64!", "W10"),
    *([], [None], ["a", {}], {}, {"a": 1}, "x/" + "9" * 5_000, "2001-01-01T00:00:00"),
    *({"__type__": "decimal", "__value__": "no number"}, {"__type__": "uuid", "__value__": {"hex": "x"}}),
    *(task_of(None), body_of({"a": 1}), body_of(None), body_of([[], {}, {}]), body_of([[1], {}, {}])),
    *(task_of(CHUNK.to_json() | {"run": "a\nb"}), task_of(CHUNK.to_json() | {"number": 2**40})),
    task_of({"version": VERSION + 1, "x": {"__type__": "date", "__value__": 7}}),
    base64.b64encode(b"[" * 9_999).decode(),
)


def item_of(message: Any) -> bytes:
    return json.dumps(message).encode()


def reason(item: bytes) -> str:
    with pytest.raises(InvalidMessageError) as refused:
        accept(item)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def take(item: bytes) -> Any:
    """Do with an accepted message what kombu and Celery do before our code sees it; return the task's argument."""
    message = Message(json.loads(item), channel=_CHANNEL)  # type: ignore[no-untyped-call]
    assert message.delivery_info["routing_key"] == "chunks"
    request = Request(message, app=app, task=classify, headers=message.headers)
    assert (request.eta, request.expires, request.revoked()) == (None, None, False)
    assert set(message.headers) <= {
        "task", "id", "root_id", "argsrepr", "kwargsrepr", "traceparent", "tracestate",
    }  # fmt: skip
    [argument], keywords, embedded = message.decode()  # type: ignore[no-untyped-call]
    assert (keywords, embedded) == ({}, {})
    return argument


class _Codec(Channel):
    """Knows how bodies are encoded, and is connected to nothing."""

    def __init__(self) -> None: ...


_CHANNEL = _Codec()


def test_a_message_of_ours_is_taken_as_it_was_sent() -> None:
    assert read_message(take(accept(item_of(GOOD)))) == CHUNK
    parent = f"00-{'1' * 32}-{'2' * 16}-01"
    traced = accept(item_of(GOOD | {"headers": GOOD["headers"] | {"traceparent": parent}}))
    assert json.loads(traced)["headers"]["traceparent"] == parent
    assert read_message(take(accept(traced))) == CHUNK, "one that comes again is taken again"


def test_each_delivery_has_a_tag_of_its_own() -> None:
    tags = {json.loads(accept(item_of(GOOD)))["properties"]["delivery_tag"] for _ in range(3)}
    assert len(tags) == 3


def test_what_else_is_in_a_message_does_not_come_through() -> None:
    chained = [[CHUNK.to_json()], {"a": 1}, {"chain": [{"task": "celery.backend_cleanup"}], "callbacks": [1]}]
    headers = GOOD["headers"] | {"expires": "2001-01-01T00:00:00", "eta": "x", "argsrepr": "another/9", "shadow": [1]}
    accepted = accept(item_of(GOOD | {"headers": headers, "body": body_of(chained)}))
    assert read_message(take(accepted)) == CHUNK
    assert json.loads(accepted)["headers"]["argsrepr"] == "20240301-abc/3"


def test_a_message_of_a_newer_version_is_taken_as_it_is() -> None:
    newer = CHUNK.to_json() | {"version": VERSION + 1, "more": {"x": [1, 2.5, None]}}
    argument = take(accept(item_of(GOOD | {"body": task_of(newer)})))
    assert argument == newer
    with pytest.raises(NewerMessageError):
        read_message(argument)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"headers": {"task": "os.system", "id": "1"}}, "is for another task"),
        ({"headers": {"task": TASK, "id": "1", "compression": "application/x-gzip"}}, "is compressed"),
        ({"headers": {"task": TASK, "id": ["1"]}}, "is none of Celery's"),
        ({"headers": {"task": TASK}}, "is none of Celery's"),
        ({"headers": None}, "is none of Celery's"),
        ({"content-type": "application/x-python-serialize"}, "is not said to be JSON in UTF-8, as base64"),
        ({"content-encoding": "binary"}, "is not said to be JSON in UTF-8, as base64"),
        ({"properties": {"body_encoding": "rot13"}}, "is not said to be JSON in UTF-8, as base64"),
        ({"properties": {}}, "is none of Celery's"),
        ({"body": 7}, "is none of Celery's"),
        ({"body": "no base64"}, "holds no task with one argument"),
        ({"body": body_of({"a": 1})}, "holds no task with one argument"),
        ({"body": body_of(None)}, "holds no task with one argument"),
        ({"body": body_of([[], {}, {}])}, "holds no task with one argument"),
        ({"body": task_of({"run": "r"})}, "holds no chunk: expected a chunk message of version"),
    ],
)
def test_another_is_not_taken(changed: dict[str, Any], said: str) -> None:
    assert reason(item_of(GOOD | changed)).startswith(said)


@pytest.mark.parametrize(
    "item", [b"", b"17", b"no json", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000]
)
def test_what_is_no_message_is_not_taken(item: bytes) -> None:
    assert reason(item) == "is none of Celery's"


def test_a_body_that_is_too_long_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "MAX_BODY", 3)
    assert reason(item_of(GOOD)) == f"has {len(GOOD['body'])} characters, at most 3 are taken"
    assert MAX_BODY > 10_000_000


#: Every field of a message, and some that Celery knows besides.
FIELDS: list[tuple[str, ...]] = [
    *((name,) for name in GOOD),
    *((name, key) for name in ("headers", "properties") for key in GOOD[name]),
    *(
        ("headers", key)
        for key in ("eta", "expires", "shadow", "compression", "traceparent", "group", "chord", "stamps")
    ),
    *(("properties", "delivery_info", key) for key in ("exchange", "routing_key", "redelivered")),
]


def changed(field: tuple[str, ...], value: Any, message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with another value in a field; without the field, for `...`."""
    name, *inner = field
    within = message.get(name)
    if inner:
        value = changed(tuple(inner), value, within) if isinstance(within, dict) else within
    return {**{key: kept for key, kept in message.items() if key != name}, **({} if value is ... else {name: value})}


def check(item: bytes) -> None:
    """Celery takes it, or it goes into quarantine."""
    try:
        accepted = accept(item)
    except InvalidMessageError:
        return
    argument = take(accepted)
    with suppress(NewerMessageError):
        assert isinstance(read_message(argument), ChunkMessage)


def test_a_message_with_any_two_fields_changed_is_taken_by_celery_or_goes_into_quarantine() -> None:
    dice = Random(20)
    once = [changed(field, value, GOOD) for field in FIELDS for value in (..., *NASTY)]
    twice = [changed(dice.choice(FIELDS), dice.choice(NASTY), message) for message in once for _ in range(3)]
    assert len(once) + len(twice) > 3_000
    for message in (*once, *twice):
        check(item_of(message))


@several(200)
@given(st.lists(st.tuples(st.integers(0, 99_999), st.integers(0, 9), st.binary(max_size=3)), min_size=1, max_size=4))
def test_a_message_with_any_bytes_changed_is_taken_by_celery_or_goes_into_quarantine(
    cuts: list[tuple[int, int, bytes]],
) -> None:
    item = item_of(GOOD)
    for position, length, replaced in cuts:
        at = position % len(item)
        item = item[:at] + replaced + item[at + length :]
    check(item)


@pytest.mark.parametrize(
    ("argsrepr", "chunk"),
    [
        ("r/7", ("r", 7)),
        ("a/b/7", ("a/b", 7)),
        ("r/" + "9" * 5_000, None),
        ("r/", None),
        ("r/-1", None),
        ("r/\N{SUPERSCRIPT TWO}", None),
        ("", None),
    ],
)
def test_the_log_s_name_of_a_chunk_is_read_or_it_is_none(argsrepr: str, chunk: tuple[str, int] | None) -> None:
    assert read_name(argsrepr) == chunk
