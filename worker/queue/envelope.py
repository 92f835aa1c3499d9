"""The Celery message around a chunk: what of it a worker takes, and in which form.

Whatever lies in the queue is read as bytes, by strict types and within bounds. What passes is written anew, with
nothing in it that was not looked at: so Celery and kombu meet messages of one shape only, whoever wrote into Redis.
"""

import base64
from typing import Annotated, Final
from uuid import uuid4

import msgspec

from moodmill.db.core.errors import MoodmillError
from moodmill.worker.queue.message import NewerMessageError, decode_message
from moodmill.worker.telemetry.tracing import HEADERS

#: The queue of chunks, and the task that its messages are for.
QUEUE: Final = "chunks"
TASK: Final = "moodmill.classify"
#: The list of messages in quarantine.
QUARANTINE: Final = "quarantine"
#: Characters of a message's body. Most have some 100,000; a chunk of two million characters that ends with the longest
#: line there may be, all of it escaped, stays below.
MAX_BODY: Final = 96 << 20
#: Digits of a chunk's number; the ledger has it as 32 bits.
_DIGITS: Final = 10

_Word = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,512}\Z")]


class InvalidMessageError(MoodmillError):
    """A message that no worker takes; says what is wrong with it, and quotes nothing of it."""


class _Headers(msgspec.Struct):
    task: str
    id: _Word
    argsrepr: str = ""
    traceparent: _Word | None = None
    tracestate: _Word | None = None
    compression: object = None


class _Properties(msgspec.Struct):
    body_encoding: str


class _Envelope(msgspec.Struct, rename="kebab"):
    body: str
    content_type: str
    content_encoding: str
    headers: _Headers
    properties: _Properties


def accept(item: bytes) -> bytes:
    """Return a message as Celery is to get it, from what lies in the queue. Raises InvalidMessageError."""
    try:
        envelope = msgspec.json.decode(item, type=_Envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidMessageError("is none of Celery's") from error
    headers = envelope.headers
    if headers.task != TASK:
        raise InvalidMessageError("is for another task")
    if headers.compression is not None:
        raise InvalidMessageError("is compressed")
    if len(envelope.body) > MAX_BODY:
        raise InvalidMessageError(f"has {len(envelope.body)} characters, at most {MAX_BODY} are taken")
    written = (envelope.content_type, envelope.content_encoding, envelope.properties.body_encoding)
    if written != ("application/json", "utf-8", "base64"):
        raise InvalidMessageError("is not said to be JSON in UTF-8, as base64")
    argument, shown = _read_body(envelope.body, headers.argsrepr)
    message = {
        "body": base64.b64encode(b"[[" + argument + b"],{},{}]").decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {
            "task": TASK,
            "id": headers.id,
            "root_id": headers.id,
            "argsrepr": shown,
            "kwargsrepr": "",
            **{name: value for name in HEADERS if (value := getattr(headers, name)) is not None},
        },
        "properties": {
            # A tag of its own for each delivery: of two with one tag, the end of one would be that of the other.
            "delivery_tag": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "body_encoding": "base64",
        },
    }
    return msgspec.json.encode(message)


def read_name(argsrepr: str) -> tuple[str, int] | None:
    """Return which chunk a message says that it holds, as (run, number); None where it is none of ours."""
    run, _, number = argsrepr.rpartition("/")
    return (run, int(number)) if number.isdecimal() and len(number) <= _DIGITS else None


def _read_body(body: str, argsrepr: str) -> tuple[bytes, str]:
    """Return the task's one argument, as JSON that was read, and what the log shows of it: RUN/NUMBER."""
    try:
        arguments, _, _ = msgspec.json.decode(
            base64.b64decode(body, validate=True), type=tuple[tuple[msgspec.Raw], msgspec.Raw, msgspec.Raw]
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InvalidMessageError("holds no task with one argument") from error
    argument = bytes(arguments[0])
    try:
        chunk = decode_message(argument)
    except NewerMessageError:
        return _read_newer(argument), argsrepr if read_name(argsrepr) and argsrepr.isprintable() else ""
    except MoodmillError as error:
        raise InvalidMessageError(f"holds no chunk: {error}") from error
    return argument, f"{chunk.run}/{chunk.number}"


def _read_newer(argument: bytes) -> bytes:
    """Return what a newer producer wrote; raises InvalidMessageError where it would not come through Celery."""
    from kombu.utils import json as kombu_json  # nobody else here needs kombu

    try:
        kombu_json.loads(argument)  # type: ignore[no-untyped-call]
    except Exception as error:  # it makes things of whatever types the text names, which raise what they like
        raise InvalidMessageError("is of a newer version, and holds no plain JSON") from error
    return argument
