"""The lake of a store: result rows as Parquet files in a folder, of this machine or elsewhere, in place of a table.

Runs, chunks, dead letters and roll-ups stay in SQL, and so does the manifest of the files. A store has a lake from its
beginning, or has its rows moved into one (moodmill.db.lake.moving); it remembers where that is.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from moodmill.db.core.errors import SettingError, StoreAwayError, StoreError
from moodmill.db.database.schema import comment_emotion, lake, lake_file
from moodmill.db.database.store import Store
from moodmill.db.lake.folder import LakeFolder

#: Says whose lake a folder is.
MARKER: Final = "moodmill.json"
#: Below which files of a lake lie: those of single transactions by the day that they were written on, and merged ones
#: by model and month.
INCOMING: Final = "incoming"
MERGED: Final = "rows"
#: Under which a store keeps what it has opened.
_KEPT: Final = "lake"


class Lake:
    """A store's lake, opened."""

    def __init__(self, store: Store, lake_id: str, folder: LakeFolder) -> None:
        self.store: Final = store
        self.id: Final = lake_id
        self.folder: Final = folder
        #: What is kept as long as it is open: its writer.
        self.kept: Final[dict[str, Any]] = {}

    def new_name(self) -> str:
        """Return a name for a file of one transaction, which no other has."""
        return f"{INCOMING}/{datetime.now(UTC):%Y-%m-%d}/{uuid4().hex}.parquet"

    def require(self) -> None:
        """Raise StoreError where the folder is not this lake: it is not mounted, say, or another one of its name."""
        if _owner(self.folder) != self.id:
            raise StoreError(
                f"the lake of {self.store.shown} is not at {self.folder.address}: is that mounted? "
                "`moodmill lake follow` names another place"
            )

    def refuse_moved(self, connection: Connection) -> None:
        """Raise StoreAwayError where the lake lies elsewhere by now, before files are named that lie here.

        It stays here until the transaction ends.
        """
        if connection.scalar(select(lake.c.address).with_for_update(read=True)) != self.folder.address:
            self.store.kept.pop(_KEPT, None)
            raise StoreAwayError("the lake lies elsewhere by now: what was written is written anew there")


def lake_of(store: Store) -> Lake | None:
    """Return the lake of a store; None where its rows are in SQL."""
    kept: Lake | None = store.kept.get(_KEPT)
    if kept is not None:
        return kept
    with store.reading() as connection:
        return lake_in(store, connection)


def lake_in(store: Store, connection: Connection) -> Lake | None:
    """Return the lake of a store, by a transaction that is under way."""
    row = connection.execute(select(lake.c.id, lake.c.address)).one_or_none()
    if row is None:
        return None
    kept: Lake = store.kept.setdefault(_KEPT, Lake(store, row.id, LakeFolder(row.address)))
    return kept


def prepare_store(store: Store, address: str | None) -> None:
    """Make the store's schema, and its lake where one is named. Raises as `Store.prepare` and `prepare_lake`."""
    store.prepare()
    if address is not None:
        prepare_lake(store, address)


def prepare_lake(store: Store, address: str | None) -> Lake | None:
    """Have a new store keep its rows in this lake, or return the one that it has; None where it has none.

    Raises SettingError for an address that cannot be one, and StoreError where the folder is another store's lake, the
    store has rows in SQL, or its lake lies elsewhere.
    """
    found = lake_of(store)
    if address is None:
        return found
    folder = LakeFolder(address)
    if found is None:
        with store.reading() as connection:
            _refuse_rows(store, connection, folder)
        refuse_taken(store, folder)
        if any(next(folder.files(below), None) for below in (INCOMING, MERGED)) and lake_of(store) is None:
            raise StoreError(
                f"{folder.address} holds files of an earlier store of this name: name another folder in MOODMILL_LAKE"
            )
        return begin_lake(store, folder, lambda connection: _refuse_rows(store, connection, folder))
    if found.folder.address != folder.address:
        raise StoreError(
            f"the store {store.shown} has the lake {found.folder.address}, and MOODMILL_LAKE names {folder.address}: "
            "leave that out, or have `moodmill lake follow` look for the lake there"
        )
    return found


def _refuse_rows(store: Store, connection: Connection, folder: LakeFolder) -> None:
    if connection.scalar(select(comment_emotion.c.comment_id).limit(1)) is not None:
        raise StoreError(
            f"the store {store.shown} holds rows in SQL: `moodmill lake move` moves them into the lake {folder.address}"
        )


def begin_lake(store: Store, folder: LakeFolder, also: Callable[[Connection], None] = lambda _: None) -> Lake:
    """Have a store keep its rows in a folder from now on; `also` is done in the transaction that says so.

    Nobody writes to the table meanwhile. The folder is marked first: killed before the transaction, it is this store's
    all the same, and no other's.
    """
    refuse_taken(store, folder)
    named: dict[str, Any] = {"number": 1, "id": _id_for(store), "address": folder.address}
    if _owner(folder) is None:
        mark = {"kind": "moodmill lake", "version": 1, "id": named["id"]}
        folder.put(MARKER, json.dumps(mark).encode())
        refuse_taken(store, folder)  # where another store was as fast
    try:
        with store.writing() as connection:
            if not store.is_sqlite:  # where whoever writes is alone
                connection.execute(text(f"lock table {comment_emotion.name} in access exclusive mode"))
            connection.execute(insert(lake).values(named))
            also(connection)
    except IntegrityError:  # another process did, meanwhile
        pass
    with store.reading() as connection:
        found = lake_in(store, connection)
    if found is None:
        raise RuntimeError("the lake that was begun is not there")
    if found.folder.address != folder.address:
        raise StoreError(f"the store {store.shown} has the lake {found.folder.address} by now, not {folder.address}")
    return found


def follow_lake(store: Store, address: str) -> Lake:
    """Have a store find its lake at another address, once all of it lies there.

    Raises StoreError where the store has none, the folder is not that lake, or files are missing.
    """
    found, folder = lake_of(store), LakeFolder(address)
    if found is None:
        raise StoreError(f"{store.shown} has no lake")
    Lake(store, found.id, folder).require()
    there = {file.name for below in (INCOMING, MERGED) for file in folder.files(below)}
    with store.writing() as connection:
        named = connection.scalars(select(lake_file.c.name).where(lake_file.c.removed_at.is_(None)))
        missing = [name for name in named if name not in there]
        if missing:
            raise StoreError(
                f"{len(missing):,} files of the lake are not at {folder.address}, {missing[0]} among them: stop the "
                "workers, and copy all of it"
            )
        connection.execute(update(lake).values(address=folder.address))
    store.kept[_KEPT] = Lake(store, found.id, folder)
    return store.kept[_KEPT]  # type: ignore[no-any-return]


def address_of(connection: Connection) -> str | None:
    """Return where the lake of a store lies; None where its rows are in SQL."""
    found: str | None = connection.scalar(select(lake.c.address))
    return found


def refuse_taken(store: Store, folder: LakeFolder) -> None:
    """Raise StoreError where a folder is another store's lake."""
    if _owner(folder) not in (None, _id_for(store)):
        raise StoreError(f"{folder.address} is the lake of another store: name a folder of its own in MOODMILL_LAKE")


def _id_for(store: Store) -> str:
    """Return the id of a lake that a store begins: the same in all processes that begin it at once."""
    return sha256(f"lake of {store.shown}".encode()).hexdigest()[:32]


def _owner(folder: LakeFolder) -> str | None:
    """Return the id of the lake that a folder is; None where it is none."""
    data = folder.read(MARKER)
    if not data:
        return None
    try:
        return str(json.loads(data)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{folder.where(MARKER)} is no marker of a lake: name another folder") from error
