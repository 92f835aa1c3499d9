"""Putting away a record that holds no comment, so that a dead letter of it fits every store."""

from typing import Final

from moodmill.db.core.payload import PAYLOAD_LIMIT, kept_payload
from moodmill.db.core.text import clean
from moodmill.producers.sources.record import Bad

#: Characters of an error: decoders may quote what they choked on.
_ERROR_LIMIT: Final = 500
#: Bytes that the longest character takes in UTF-8.
_CHARACTER: Final = 4


def bad(position: int, error: str, payload: str | bytes, length: int | None = None) -> Bad:
    """Return the Bad of record `position`: its error in one line, and what is kept of its payload, as text.

    Where the payload is only a beginning, `length` says how many bytes the record has.
    """
    if isinstance(payload, bytes):
        most = PAYLOAD_LIMIT * _CHARACTER
        length = len(payload) if length is None and len(payload) > most else length
        payload = payload[:most].decode("utf-8", "replace")
    one_line = " ".join(error.split())[:_ERROR_LIMIT]
    return Bad(position=position, error=clean(one_line), payload=clean(kept_payload(payload, length)))
