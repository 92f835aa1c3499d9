"""Up to which row a table is read, as the ledger keeps it."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from moodmill.db.core.errors import SourceError

#: What can be a key: JSON gives it back as it was, and databases put it in order.
KEYS: Final = "integers, texts, UUIDs or timestamps"


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A value with its type, which JSON alone would not tell. One of these is set."""

    integer: int | None = None
    text: str | None = None
    uuid: UUID | None = None
    timestamp: datetime | None = None

    @classmethod
    def of(cls, key: object, column: str) -> "Value":
        """Raises SourceError, naming the column, where `key` is no value of KEYS."""
        match key:
            case int():
                return cls(integer=key)
            case str():
                return cls(text=key)
            case UUID():
                return cls(uuid=key)
            case datetime():  # in JSON, offsets have whole minutes
                return cls(timestamp=key.astimezone(UTC) if key.tzinfo else key)
        raise SourceError(f"expected {KEYS} in column {column!r}, found {str(key)[:60]!r} ({type(key).__name__})")

    @property
    def key(self) -> int | str | UUID | datetime:
        return next(one for one in (self.integer, self.text, self.uuid, self.timestamp) if one is not None)


class Watermark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last row of a table that was read."""

    table: str
    #: Names the columns that put the rows in order: the key, and the id where that is another.
    order: tuple[str, ...]
    #: What the row has in each of them.
    last: tuple[Value, ...]

    def to_json(self) -> str:
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, kept: str) -> "Watermark":
        return msgspec.json.decode(kept, type=cls)
