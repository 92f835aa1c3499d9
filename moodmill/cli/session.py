"""The store that the settings name, opened for a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moodmill.db.database.store import Store


@contextmanager
def opened_store(
    *, create: bool = False, retries: bool = False, reads: bool = False, with_lake: bool = True
) -> Iterator["Store"]:
    """Yield the store, its schema ready. Raises SettingError or StoreError, also where there is none to read.

    Without `with_lake`, a lake that the settings name is left alone.
    With `reads` nothing is written, not even the schema into an empty database.
    With `retries`, for a command that tries again what failed, a connection that does not answer is given up in time.
    """
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store
    from moodmill.db.lake.lake import prepare_store

    settings = read_settings(StoreSettings)
    store = Store(settings.database_url, _answer_limit() if retries else None)
    if not create:
        store.require()
    try:
        if reads:
            store.require_schema()
        else:
            prepare_store(store, settings.moodmill_lake if with_lake else None)
        yield store
    finally:
        store.close()


def _answer_limit() -> float:
    from moodmill.db.core.settings import read_settings

    # Here, for it brings what commands that only read can do without.
    from moodmill.worker.core.settings import WorkerSettings

    return read_settings(WorkerSettings).moodmill_stall_seconds
