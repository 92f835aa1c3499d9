"""Putting away a record that holds no comment, so that a dead letter of it fits every store."""

from producers.record import PAYLOAD_LIMIT, Bad
from producers.sources.text import clean

#: Characters of an error: decoders may quote what they choked on.
_ERROR_LIMIT = 500
#: Bytes that the longest character takes in UTF-8.
_CHARACTER = 4


def bad(position: int, error: str, payload: str | bytes) -> Bad:
    """Return the Bad of record `position`: its error in one line, its payload as text and cut."""
    if isinstance(payload, bytes):
        payload = payload[: PAYLOAD_LIMIT * _CHARACTER].decode("utf-8", "replace")
    one_line = " ".join(error.split())[:_ERROR_LIMIT]
    return Bad(position=position, error=clean(one_line), payload=clean(payload[:PAYLOAD_LIMIT]))
