"""The store that the settings name, opened for a command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.store import Store


@contextmanager
def opened_store(*, create: bool = False) -> Iterator["Store"]:
    """Yield the store, its schema ready. Raises SettingError or StoreError, also where there is none to read."""
    from db.settings import StoreSettings, read_settings
    from db.store import Store

    store = Store(read_settings(StoreSettings).database_url)
    if not create:
        store.require()
    try:
        store.prepare()
        yield store
    finally:
        store.close()
