"""What a lake holds, for people."""

from dataclasses import dataclass

from sqlalchemy import case, func, select

from moodmill.db.database.schema import lake as lakes
from moodmill.db.database.schema import lake_file
from moodmill.db.lake.lake import Lake


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Files and rows of a lake by now."""

    #: Merged files, their rows and bytes.
    merged_files: int
    merged_rows: int
    merged_bytes: int
    #: Files of single transactions, of which some rows may be of comments that have one.
    incoming_files: int
    incoming_rows: int
    incoming_bytes: int
    #: Files that are no part of it any more, and wait to be collected.
    removed_files: int
    removed_bytes: int
    #: Rows that merging left out, as their comment had one: of the same text, and of another.
    repeated: int
    edited: int


def contents(lake: Lake) -> Contents:
    """Return what a lake holds."""
    is_there = lake_file.c.removed_at.is_(None)
    state = case((~is_there, "removed"), (lake_file.c.merged, "merged"), else_="incoming").label("state")
    sums = (func.count(), func.coalesce(func.sum(lake_file.c.rows), 0), func.coalesce(func.sum(lake_file.c.bytes), 0))
    with lake.store.reading() as connection:
        counted = {
            row[0]: [int(n) for n in row[1:]] for row in connection.execute(select(state, *sums).group_by(state))
        }
        repeated, edited = connection.execute(select(lakes.c.repeated, lakes.c.edited)).one()
    merged, incoming, removed = (counted.get(name, [0, 0, 0]) for name in ("merged", "incoming", "removed"))
    return Contents(
        merged_files=merged[0],
        merged_rows=merged[1],
        merged_bytes=merged[2],
        incoming_files=incoming[0],
        incoming_rows=incoming[1],
        incoming_bytes=incoming[2],
        removed_files=removed[0],
        removed_bytes=removed[2],
        repeated=int(repeated),
        edited=int(edited),
    )
