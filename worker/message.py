"""What goes over Redis: a chunk of comments, self-contained and versioned, checked at the door."""

from typing import Annotated, Any, Final

import msgspec

from db.comment import Comment, Ids
from db.errors import MoodmillError

#: Raised by one whenever an older worker could misread what a newer producer writes.
VERSION: Final = 2
#: Comments of a chunk at most.
MAX_COMMENTS: Final = 10_000
#: Characters of what is said to be wrong with a message.
REASON_LIMIT: Final = 200


class NewerMessageError(MoodmillError):
    """A message of a version that this worker does not know: to be left for a newer one."""


class ChunkMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One Celery task's work."""

    version: int = VERSION
    run: str
    number: int
    source_number: int
    #: The name that result rows carry.
    source: str
    comments: Annotated[list[Comment], msgspec.Meta(max_length=MAX_COMMENTS)]
    keep_text: bool = False
    #: Whose the comments' ids are; messages of version 1 do not say.
    ids: Ids = "reddit"

    def to_json(self) -> dict[str, Any]:
        """Return the message as values that any JSON serializer takes."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def read_message(received: object) -> ChunkMessage:
    """Check what came over the wire. Raises NewerMessageError, or MoodmillError when it is no message of ours."""
    version = received.get("version") if isinstance(received, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise NewerMessageError(f"message of version {version}, this worker reads up to {VERSION}: upgrade it")
    try:
        return msgspec.convert(received, ChunkMessage)
    except msgspec.ValidationError as error:
        # It quotes a field's name, which may be anything.
        reason = "".join(one if one.isprintable() else "?" for one in str(error)[:REASON_LIMIT])
        raise MoodmillError(f"expected a chunk message of version {VERSION}, got another thing: {reason}") from error
