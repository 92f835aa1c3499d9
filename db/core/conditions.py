"""Which rows of the store are asked for, in SQL: what `Filters` is for the records of a source."""

from collections.abc import Collection
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Table, func

from moodmill.db.core.lowered import lowered
from moodmill.db.core.names import spellings, subreddit_key


def rows_within(
    table: Table, moment: ColumnElement[Any] | None, subreddits: Collection[str], since: date | None, until: date | None
) -> list[ColumnElement[bool]]:
    """Return what holds for a table's rows of some subreddits, and from `since` to before `until`, if it has a moment.

    None and empty ask for all.
    """
    held: list[ColumnElement[bool]] = []
    if subreddits:
        keys = list(map(subreddit_key, subreddits))
        lower = func.lower if "".join(keys).isascii() else lowered  # which takes twice as long
        held.append(lower(table.c.subreddit).in_(spellings(keys)))
    if moment is not None and since is not None:
        held.append(moment >= since)
    if moment is not None and until is not None:
        held.append(moment < until)
    return held
