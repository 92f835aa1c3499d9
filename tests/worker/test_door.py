"""What may come into a worker, and what may not."""

from typing import Any

import pytest

from worker import door
from worker.door import MAX_BODY, TASK, why_not

GOOD: dict[str, Any] = {
    "body": "W10=",
    "content-type": "application/json",
    "content-encoding": "utf-8",
    "headers": {"task": TASK, "id": "1"},
    "properties": {"delivery_tag": "1", "body_encoding": "base64"},
}


def test_a_message_of_ours_comes_in() -> None:
    assert why_not(GOOD) is None
    traced = {"headers": {**GOOD["headers"], "traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}}
    assert why_not(GOOD | traced) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"headers": {"task": "os.system"}}, "is for another task"),
        ({"headers": {"task": TASK, "compression": "application/x-gzip"}}, "is compressed"),
        ({"content-type": "application/x-python-serialize"}, "is not said to be JSON in UTF-8"),
        ({"content-encoding": "binary"}, "is not said to be JSON in UTF-8"),
        ({"body": 7}, "is none of Celery's"),
        ({"headers": None}, "is none of Celery's"),
        ({"properties": {}}, "is none of Celery's"),
    ],
)
def test_another_does_not(changed: dict[str, Any], reason: str) -> None:
    assert why_not(GOOD | changed) == reason


@pytest.mark.parametrize("message", [None, 7, "text", [], [GOOD], {}])
def test_what_is_no_message_does_not(message: object) -> None:
    assert why_not(message) == "is none of Celery's"


def test_a_body_that_is_too_long_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_BODY", 3)
    assert why_not(GOOD) == "has 4 characters, at most 3 are taken"
    assert MAX_BODY > 10_000_000
