"""What goes over Redis: a chunk of comments, self-contained and versioned, validated on arrival."""

from typing import Annotated, Any, Final

import msgspec

from moodmill.db.core.comment import Comment, Ids
from moodmill.db.core.engine import Precision
from moodmill.db.core.errors import MoodmillError

#: Raised by one whenever an older worker could misread what a newer producer writes.
VERSION: Final = 3
#: Comments of a chunk at most.
MAX_COMMENTS: Final = 10_000
#: Characters of what is said to be wrong with a message.
REASON_LIMIT: Final = 200

#: The id of a run, which logs show; and numbers as the ledger has them, of 32 bits.
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,100}\Z")]
_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class NewerMessageError(MoodmillError):
    """A message of a version that this worker does not know: to be left for a newer one."""


class ChunkMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Celery task's work."""

    version: int = VERSION
    run: _Id
    number: _Number
    source_number: _Number
    #: The name that result rows carry.
    source: str
    comments: Annotated[list[Comment], msgspec.Meta(max_length=MAX_COMMENTS)]
    keep_text: bool = False
    #: Whose the comments' ids are; messages of version 1 do not say.
    ids: Ids = "reddit"
    #: What all rows of the run are to be computed in; messages before version 3 do not say.
    precision: Precision = "auto"

    def to_json(self) -> dict[str, Any]:
        """Return the message as values that any JSON serializer takes."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


class _Versioned(msgspec.Struct):
    version: object = None


def read_message(received: object) -> ChunkMessage:
    """Check what came over the wire. Raises NewerMessageError, or MoodmillError when it is no message of ours."""
    _check_version(received.get("version") if isinstance(received, dict) else None)
    try:
        return msgspec.convert(received, ChunkMessage)
    except msgspec.ValidationError as error:
        raise _unexpected(error) from error


def decode_message(received: bytes) -> ChunkMessage:
    """Read what came over the wire as JSON, of which nothing is believed. Raises as `read_message` does."""
    try:
        _check_version(msgspec.json.decode(received, type=_Versioned).version)
        return msgspec.json.decode(received, type=ChunkMessage)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _unexpected(error) from error


def _check_version(version: object) -> None:
    if isinstance(version, int) and version > VERSION:
        raise NewerMessageError(f"message of version {version}, this worker reads up to {VERSION}: upgrade it")


def _unexpected(error: Exception) -> MoodmillError:
    # It quotes a field's name, which may be anything.
    reason = "".join(one if one.isprintable() else "?" for one in str(error)[:REASON_LIMIT])
    return MoodmillError(f"expected a chunk message of version {VERSION}, got another thing: {reason}")
