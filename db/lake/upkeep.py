"""Looks after a lake, whoever fills it: merges what has come in once that is much, and deletes what was merged away."""

from typing import Final

from sqlalchemy import func, select

from moodmill.db.database.schema import lake_file
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import lake_of

#: Files that may have come in before they are merged: a reader opens each of them.
MANY: Final = 64


def tend_lake(store: Store, *, whole: bool = False) -> None:
    """Merge and collect where that is due; nothing happens in a store without a lake.

    `whole`: look for files, too, that nobody ever named. Raises StoreError; what is not done is left to the next call.
    """
    lake = lake_of(store)
    if lake is None:
        return
    from moodmill.db.lake.garbage import collect, collect_removed  # brings pyarrow
    from moodmill.db.lake.merging import merge

    there = lake_file.c.removed_at.is_(None) & ~lake_file.c.merged
    with store.reading() as connection:
        incoming = int(connection.scalar(select(func.count()).select_from(lake_file).where(there)) or 0)
    if incoming >= MANY:
        merge(lake)
    if whole:
        collect(lake)
    else:
        collect_removed(lake)
