"""A filled store for tests that only read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from moodmill.db.database.store import Store
from moodmill.db.lake.lake import prepare_lake
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


@pytest.fixture(scope="package")
def settled_lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("settled")
    for store in ready(f"sqlite:///{folder / 'moodmill.db'}"):
        prepare_lake(store, str(folder / "lake"))
        yield settle(store)


@pytest.fixture(params=["sqlite", "postgresql", "lake"])
def settled(
    request: pytest.FixtureRequest, settled_sqlite: Store, settled_postgres: Store, settled_lake: Store
) -> Store:
    """Each store that moodmill speaks, with comments and roll-ups, for many tests: nothing may be written to it."""
    stores: dict[str, Store] = {"sqlite": settled_sqlite, "postgresql": settled_postgres, "lake": settled_lake}
    return stores[request.param]


@pytest.fixture(params=["sqlite", "postgresql", "lake"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with its schema: on each database, and with a lake."""
    url: str = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "sqlite_url")
    for opened in ready(url):
        if request.param == "lake":
            prepare_lake(opened, str(tmp_path / "lake"))
        yield opened
