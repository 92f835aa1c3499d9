"""The lake of a store: result rows as Parquet files in a folder, of this machine or elsewhere, in place of a table.

Runs, chunks, dead letters and roll-ups stay in SQL, and so does the manifest of the files. A store has a lake from its
beginning, or has its rows moved into one (moodmill.db.lake.moving); it remembers where that is.
"""

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from moodmill.db.core.errors import SettingError, StoreAwayError, StoreError
from moodmill.db.database.schema import comment_emotion, lake
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

    def refuse_moved(self, connection: Connection) -> None:
        """Raise StoreAwayError where the lake lies elsewhere by now, before files are named that lie here."""
        if connection.scalar(select(lake.c.address)) != self.folder.address:
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
    """Have a store keep its rows in this lake, or in the one that it has; return it, None where it has none.

    Raises SettingError for an address that cannot be one, and StoreError where the folder is another store's lake, the
    store has rows in SQL, or its lake lies elsewhere.
    """
    found = lake_of(store)
    if address is None:
        return found
    folder = LakeFolder(address)
    if found is not None and found.folder.address != folder.address:
        return _moved(store, found, folder)
    if found is None:
        found = _begun(store, folder)
    mark(found)
    return found


def _begun(store: Store, folder: LakeFolder) -> Lake:
    def refuse_rows(connection: Connection) -> None:
        if connection.scalar(select(comment_emotion.c.comment_id).limit(1)) is not None:
            raise StoreError(
                f"the store {store.shown} holds rows in SQL: `moodmill lake move` moves them into the lake "
                f"{folder.address}"
            )

    refuse_taken(folder)
    return begin_lake(store, folder, refuse_rows)


def begin_lake(store: Store, folder: LakeFolder, also: Callable[[Connection], None] = lambda _: None) -> Lake:
    """Have a store keep its rows in a folder from now on; `also` is done in the transaction that says so.

    Nobody writes to the table meanwhile.
    """
    named: dict[str, Any] = {"number": 1, "id": secrets.token_hex(16), "address": folder.address}
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


def _moved(store: Store, found: Lake, folder: LakeFolder) -> Lake:
    """Follow a lake to another address: whoever moved its files took the marker along."""
    if _owner(folder) != found.id:
        raise StoreError(
            f"the store {store.shown} has the lake {found.folder.address}, and MOODMILL_LAKE names {folder.address}, "
            "which is not that lake: copy all of it there, or leave out MOODMILL_LAKE"
        )
    with store.writing() as connection:
        connection.execute(update(lake).values(address=folder.address))
    store.kept[_KEPT] = Lake(store, found.id, folder)
    return store.kept[_KEPT]  # type: ignore[no-any-return]


def mark(found: Lake) -> None:
    """Write into the folder whose it is, once. Raises StoreError where it is another's."""
    if refuse_taken(found.folder, found.id):
        said = {"kind": "moodmill lake", "version": 1, "id": found.id}
        found.folder.put(MARKER, json.dumps(said).encode())
        refuse_taken(found.folder, found.id)  # where another store was as fast


def refuse_taken(folder: LakeFolder, lake_id: str | None = None) -> bool:
    """Tell whether a folder is nobody's yet. Raises StoreError where it is not that of `lake_id`."""
    owner = _owner(folder)
    if owner is None:
        return True
    if owner != lake_id:
        raise StoreError(f"{folder.address} is the lake of another store: name a folder of its own in MOODMILL_LAKE")
    return False


def _owner(folder: LakeFolder) -> str | None:
    """Return the id of the lake that a folder is; None where it is none."""
    data = folder.read(MARKER)
    if not data:
        return None
    try:
        return str(json.loads(data)["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingError(f"{folder.where(MARKER)} is no marker of a lake: name another folder") from error
