"""Finds the rows that the store has of comments: those under their ids, of their model and time.

A row that is older than the hashes of texts counts as one of the same text.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment, text_hash
from moodmill.db.core.engine import Engine, Precision
from moodmill.db.core.unsupported import Reason

_FOUND: Final = "e.text_hash, e.unsupported, e.text is not null, e.engine"
# One statement for all, as pairs of id and time in JSON: half the CPU of one for each. A cross join keeps its order.
_SQLITE: Final = f"""
    select i.key, {_FOUND} from json_each(?) i cross join comment_emotion e
    on e.comment_id = json_extract(i.value, '$[0]') and e.model = ? and e.created_at is json_extract(i.value, '$[1]')
"""  # noqa: S608 - constant names
# A lookup by the key for each comment, in the part of its month. "limit 1" keeps the planner from making a join of it,
# for which it could read all parts whole; with constant bounds it plans for the months of the chunk, not for all there
# are. Comments of an unknown time have a query of their own: "is not distinct from" would use no index, and no part
# could be left out.
_LOOKUP: Final = """
    select i.row, there.*
    from json_to_recordset(%(asked)s::json) as i(row int, comment_id text, created_at timestamptz)
    cross join lateral (
        select {found} from comment_emotion e
        where e.comment_id = i.comment_id and e.model = %(model)s and {time} limit 1
    ) there
"""
_DATED: Final = _LOOKUP.format(
    found=_FOUND, time="e.created_at = i.created_at and e.created_at between %(first)s and %(last)s"
)
_UNDATED: Final = _LOOKUP.format(found=_FOUND, time="e.created_at is null")


class StoredRow(NamedTuple):
    """What of a row says whether it is one of the same text, and what there is of it."""

    text_hash: int | None
    unsupported: Reason | None
    has_text: bool
    #: As text; None of an older row.
    engine: str | None

    def has_precision(self, precision: Precision) -> bool:
        """Whether the row was computed in a precision that somebody asks for; where it is "auto", in whatever."""
        return precision == "auto" or (self.engine is not None and Engine.parse(self.engine).precision == precision)

    def is_of(self, text: str) -> bool:
        """Whether the row is one of this text."""
        return self.text_hash is None or self.text_hash == text_hash(text)


class _Key(msgspec.Struct):
    """What is looked up; JSON is by far the fastest way for many of them to the server."""

    row: int
    comment_id: str
    created_at: datetime | None


def find_rows(connection: Connection, model: str, comments: Sequence[Comment]) -> dict[int, StoredRow]:
    """Return the rows of comments, by the comments' places; of those that have none, nothing."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return _in_sqlite(driver, model, comments)
    dated = [_Key(row, one.id, one.created_at) for row, one in enumerate(comments) if one.created_at is not None]
    undated = [_Key(row, one.id, None) for row, one in enumerate(comments) if one.created_at is None]
    return _in_postgres(driver, model, dated) | _in_postgres(driver, model, undated)


def find_other_texts(connection: Connection, classified: Classified) -> list[int]:
    """Return the comments whose id, model and time are there with another text, by their place, in order."""
    comments = classified.comments
    found = find_rows(connection, classified.model, comments)
    return sorted(place for place, row in found.items() if not row.is_of(comments[place].text))


def sqlite_time(moment: datetime | None) -> str | None:
    """Return a moment in UTC in the form in which SQLAlchemy writes and reads a DateTime in SQLite."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _in_sqlite(driver: Any, model: str, comments: Sequence[Comment]) -> dict[int, StoredRow]:
    keys = msgspec.json.encode([(comment.id, sqlite_time(comment.created_at)) for comment in comments]).decode()
    return {place: StoredRow(*row) for place, *row in driver.execute(_SQLITE, (keys, model))}


def _in_postgres(driver: Any, model: str, keys: Sequence[_Key]) -> dict[int, StoredRow]:
    """Look up comments that all have a time, or none of which has one."""
    if not keys:
        return {}
    asked: dict[str, Any] = {"asked": msgspec.json.encode(keys).decode(), "model": model}
    times = [key.created_at for key in keys if key.created_at is not None]
    query = _UNDATED
    if times:
        query = _DATED
        asked |= {"first": min(times), "last": max(times)}
    # Not prepared: a plan that was made when a month had few rows would still be used when it has millions.
    return {place: StoredRow(*row) for place, *row in driver.execute(query, asked, prepare=False)}
