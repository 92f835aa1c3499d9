"""The manifest of a lake: which files are a part of it, in SQL, beside the ledger.

A file is a part of the lake from the transaction on that names it, and none any more from the one on that removes it:
so "chunk done" and the rows of the chunk are one. It lies there for some time after, for those who read the manifest
before (moodmill.db.lake.garbage).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, insert, or_, select, update

from moodmill.db.core.errors import StoreAwayError
from moodmill.db.database.schema import lake_file

_THERE: Final = lake_file.c.removed_at.is_(None)


class ConflictError(StoreAwayError):
    """Files that somebody began with are no part of the lake any more, or others are: begin anew."""


@dataclass(frozen=True, kw_only=True)
class LakeFile:
    """A file of result rows of one model."""

    name: str
    model: str
    #: Whether its rows are of one month, sorted, and those of no other merged file.
    merged: bool
    rows: int
    bytes: int
    #: The first and the last time of its rows; None where none has one.
    first: datetime | None
    last: datetime | None
    #: Whether it has rows of an unknown time.
    undated: bool
    #: In the order in which files were added; 0 before.
    number: int = 0


def add_files(connection: Connection, files: Sequence[LakeFile]) -> None:
    """Make files a part of the lake, in the transaction that does what they stand for."""
    now = datetime.now(UTC)
    rows = [{name: value for name, value in file.__dict__.items() if name != "number"} for file in files]
    if rows:
        connection.execute(insert(lake_file), [{**row, "added_at": now} for row in rows])


def remove_files(connection: Connection, files: Sequence[LakeFile]) -> None:
    """Make files no part of the lake any more. Raises ConflictError where another has removed one before."""
    numbers, now = [file.number for file in files], datetime.now(UTC)
    removed = 0
    for first in range(0, len(numbers), 500):  # as many values as any database takes
        these = lake_file.c.number.in_(numbers[first : first + 500])
        removed += connection.execute(update(lake_file).where(these, _THERE).values(removed_at=now)).rowcount
    if removed != len(numbers):
        raise ConflictError("another process changed the lake meanwhile")


def files_there(
    connection: Connection,
    *,
    models: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    undated: bool = True,
) -> list[LakeFile]:
    """Return the files that may hold rows of some models and of some time, as they were added.

    None and empty ask for all. `undated`: and those of an unknown time.
    """
    query: Select[Any] = select(lake_file).where(_THERE).order_by(lake_file.c.number)
    if models:
        query = query.where(lake_file.c.model.in_(models))
    if since is not None or until is not None or not undated:
        held: list[ColumnElement[bool]] = [lake_file.c.first.is_not(None)]
        held += [lake_file.c.last >= since] if since is not None else []
        held += [lake_file.c.first < until] if until is not None else []
        query = query.where(or_(lake_file.c.undated, and_(*held)) if undated else and_(*held))
    return [as_file(row) for row in connection.execute(query)]


def as_file(row: Row[Any]) -> LakeFile:
    return LakeFile(
        name=row.name,
        model=row.model,
        merged=row.merged,
        rows=row.rows,
        bytes=row.bytes,
        first=row.first,
        last=row.last,
        undated=row.undated,
        number=row.number,
    )
