"""Finds which rows of a chunk a database refuses, so that they cost themselves and not their chunk.

Whatever a row may hold that a database does not take (too large for an index, a trigger of somebody's own): tried again
it would be refused for ever.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from moodmill.db.core.classified import Classified
from moodmill.db.database.faults import Fault, fault_of
from moodmill.db.database.store import Store

logger = logging.getLogger(__name__)

#: Writes rows in a transaction. Raises what the driver does.
Write = Callable[[Connection, Classified], Any]

#: What a database takes that takes anything.
_HARMLESS: Final = {"id": "moodmill", "text": "", "subreddit": None, "author": None, "created_at": None}


def find_refused(store: Store, classified: Classified, write: Write) -> dict[int, str]:
    """Return the rows that the database refuses, each with the reason; nothing is written.

    Halves are tried until single rows are left, so few of many cost little. Where a harmless row is refused as well, it
    is not the rows that are at fault: none is returned. The months of all rows must have their parts
    (moodmill.db.results.partitions).
    """
    refused: dict[int, str] = {}
    if not classified.comments:
        return refused
    with store.writing() as connection:
        harmless = msgspec.structs.replace(classified.comments[0], **_HARMLESS)
        if _refusal(connection, replace(classified.take([0]), comments=[harmless]), write) is not None:
            return {}
        left = [list(range(len(classified.comments)))]
        while left:
            rows = left.pop()
            reason = _refusal(connection, classified.take(rows), write)
            if reason is None:
                continue
            if len(rows) == 1:
                refused[rows[0]] = reason
            else:
                middle = len(rows) // 2
                left += [rows[middle:], rows[:middle]]
    for reason in sorted(set(refused.values()))[:1]:
        logger.warning("the store refuses %d of %d rows of a chunk: %s", len(refused), len(classified.comments), reason)
    return refused


def _refusal(connection: Connection, classified: Classified, write: Write) -> str | None:
    """Try to write rows, and take them back; return why they are refused, None where they are not."""
    tried = connection.begin_nested()
    try:
        write(connection, classified)
    except Exception as error:
        if fault_of(error) is not Fault.REFUSED:
            raise
        return _reason(error)
    finally:
        tried.rollback()
    return None


def _reason(error: BaseException) -> str:
    # Of PostgreSQL's several lines the first: those behind it quote the row.
    said = str(error.orig if isinstance(error, DBAPIError) else error)
    return said.strip().split("\n")[0]
