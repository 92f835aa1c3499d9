"""Finds comments with an id under which the store has another text, by the hashes of the texts.

A row that is older than the hashes counts as one of the same text.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from moodmill.db.core.classified import Classified

_SQLITE: Final = "select text_hash from comment_emotion where comment_id = ? and model = ? and created_at is ?"
# A lookup by the key for each comment, in the part of its month. "limit 1" keeps the planner from making a join of it,
# for which it could read all parts whole; with constant bounds it plans for the months of the chunk, not for all there
# are. Comments of an unknown time have a query of their own: "is not distinct from" would use no index, and no part
# could be left out.
_LOOKUP: Final = """
    select i.row
    from json_to_recordset(%(asked)s::json) as i(row int, comment_id text, created_at timestamptz, text_hash int)
    cross join lateral (
        select e.text_hash from comment_emotion e
        where e.comment_id = i.comment_id and e.model = %(model)s and {time} limit 1
    ) there
    where there.text_hash <> i.text_hash
"""
_DATED: Final = _LOOKUP.format(time="e.created_at = i.created_at and e.created_at between %(first)s and %(last)s")
_UNDATED: Final = _LOOKUP.format(time="e.created_at is null")


class _Key(msgspec.Struct):
    """What is looked up; JSON is by far the fastest way for many of them to the server."""

    row: int
    comment_id: str
    created_at: datetime | None
    text_hash: int


def find_other_texts(connection: Connection, classified: Classified) -> list[int]:
    """Return the comments whose id, model and time are there with another text, by their place, in order."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return _in_sqlite(driver, classified)
    comments = classified.comments
    dated = [row for row, comment in enumerate(comments) if comment.created_at is not None]
    undated = [row for row, comment in enumerate(comments) if comment.created_at is None]
    return sorted(_in_postgres(driver, classified, dated) + _in_postgres(driver, classified, undated))


def sqlite_time(moment: datetime | None) -> str | None:
    """Return a moment in UTC in the form in which SQLAlchemy writes and reads a DateTime in SQLite."""
    return None if moment is None else moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _in_sqlite(driver: Any, classified: Classified) -> list[int]:
    found = []
    for row, (comment, text_hash) in enumerate(zip(classified.comments, classified.text_hashes, strict=True)):
        key = (comment.id, classified.model, sqlite_time(comment.created_at))
        there = driver.execute(_SQLITE, key).fetchone()
        if there is not None and there[0] not in (None, text_hash):
            found.append(row)
    return found


def _in_postgres(driver: Any, classified: Classified, rows: list[int]) -> list[int]:
    """Look up comments that all have a time, or none of which has one."""
    if not rows:
        return []
    comments = classified.comments
    keys = [_Key(row, comments[row].id, comments[row].created_at, classified.text_hashes[row]) for row in rows]
    asked: dict[str, Any] = {"asked": msgspec.json.encode(keys).decode(), "model": classified.model}
    times = [key.created_at for key in keys if key.created_at is not None]
    query = _UNDATED
    if times:
        query = _DATED
        asked |= {"first": min(times), "last": max(times)}
    # Not prepared: a plan that was made when a month had few rows would still be used when it has millions.
    return [row for (row,) in driver.execute(query, asked, prepare=False)]
