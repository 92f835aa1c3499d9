"""Deletes files of a lake that are no part of it: those that were merged away, and those that no transaction named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import delete, select

from moodmill.db.database.schema import lake_file
from moodmill.db.lake.lake import INCOMING, MERGED, Lake
from moodmill.db.lake.lateness import MAX_WAIT_S

#: How long files stay that are no part of the lake any more: who read the manifest before may read them for so long.
GRACE: Final = timedelta(hours=24)
#: How long files stay that nobody names, at least: one may be named MAX_WAIT_S after it was begun, and clocks differ.
UNNAMED: Final = timedelta(seconds=4 * MAX_WAIT_S)
#: Files that are deleted at once.
_AT_ONCE: Final = 500


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was deleted."""

    #: Files that had been a part of the lake, and those that never were.
    removed: int
    unnamed: int
    bytes: int


def collect(lake: Lake, grace: timedelta = GRACE) -> Collected:
    """Delete what has been no part of the lake for longer than `grace`, and what nobody named for UNNAMED at least.

    Killed in the middle, the next call does the rest. Raises StoreError.
    """
    now = datetime.now(UTC)
    removed, freed = collect_removed(lake, grace)
    unnamed = [
        file
        for below in (INCOMING, MERGED)
        for file in lake.folder.files(below)
        if file.written_at < now - max(grace, UNNAMED)
    ]
    # Read now, after they were found: what is named meanwhile was begun later than any of them.
    with lake.store.reading() as connection:
        named = set(connection.scalars(select(lake_file.c.name)))
    unnamed = [file for file in unnamed if file.name not in named]
    lake.folder.delete(file.name for file in unnamed)
    return Collected(removed=removed, unnamed=len(unnamed), bytes=freed + sum(file.size for file in unnamed))


def collect_removed(lake: Lake, grace: timedelta = GRACE) -> tuple[int, int]:
    """Delete what was a part of the lake, and is none for longer than `grace`; return how many files and bytes.

    The files go first, and what is known of them then: it is known as long as they may be there.
    """
    before = datetime.now(UTC) - grace
    with lake.store.reading() as connection:
        query = select(lake_file.c.number, lake_file.c.name, lake_file.c.bytes).where(lake_file.c.removed_at < before)
        files: Sequence[tuple[int, str, int]] = [tuple(row) for row in connection.execute(query)]
    for first in range(0, len(files), _AT_ONCE):
        some = files[first : first + _AT_ONCE]
        lake.folder.delete(name for _, name, _ in some)
        with lake.store.writing() as connection:
            connection.execute(delete(lake_file).where(lake_file.c.number.in_([number for number, _, _ in some])))
    return len(files), sum(size for _, _, size in files)
