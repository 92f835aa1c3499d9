"""A filled store for tests that only read."""

from collections.abc import Iterator

import pytest

from moodmill.db.database.store import Store
from tests.conftest import postgres_database, ready
from tests.db.analytics.recounting import settle


@pytest.fixture(scope="package")
def settled_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    for store in ready(f"sqlite:///{tmp_path_factory.mktemp('settled') / 'moodmill.db'}"):
        yield settle(store)


@pytest.fixture(scope="package")
def settled_postgres(postgres_server: str) -> Iterator[Store]:
    with postgres_database(postgres_server) as url:
        for store in ready(url):
            yield settle(store)


@pytest.fixture(params=["sqlite", "postgresql"])
def settled(request: pytest.FixtureRequest, settled_sqlite: Store, settled_postgres: Store) -> Store:
    """Each store that moodmill speaks, with comments and roll-ups, for many tests: nothing may be written to it."""
    return settled_sqlite if request.param == "sqlite" else settled_postgres
