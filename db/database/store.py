"""The store: a SQLite file or a PostgreSQL database, its connections and the state of its schema."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, Text, column, create_engine, event, inspect, select, table, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from moodmill.db.core.errors import SettingError, StoreAwayError, StoreError
from moodmill.db.core.lowered import add_lowered
from moodmill.db.core.urls import read_database_url
from moodmill.db.database.faults import Fault, fault_of
from moodmill.db.database.schema import metadata
from moodmill.db.database.server import durability, require_encoding, rights_needed, try_writing, warn_of_loss
from moodmill.db.database.sqlitefile import BUSY_MS, is_read_only, open_sqlite, sqlite_url
from moodmill.db.database.views import create_views

if TYPE_CHECKING:
    from alembic.config import Config

#: What a connection to PostgreSQL is made with where the URL says nothing of it. After a minute without an answer it
#: counts as broken: the system's own limit is hours, and a server that vanished from the network says no goodbye.
POSTGRES_OPTIONS: Final = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
}
#: Connections of a process at most; more of its threads wait for one. PostgreSQL has 100 for everybody, by default.
CONNECTIONS: Final = 4
#: Seconds that a thread waits for one of them before it counts as a store that is away.
CONNECTION_WAIT_S: Final = 60.0
#: SQLSTATEs of a role that may not, and of a schema that is not there; and of a server that has become a standby.
_OF_RIGHTS: Final = ("42501", "3F000")
_READ_ONLY: Final = "25006"
#: Revisions of schemas before the first release.
_UNRELEASED: Final = frozenset(f"{number:04}" for number in range(1, 12))
#: Where the migrations are, and the table in which Alembic keeps the revision of a schema.
_MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"
_VERSION: Final = table("alembic_version", column("version_num", Text))
#: PostgreSQL advisory lock under which one process at a time upgrades the schema.
UPGRADE_LOCK: Final = 0x6D6F6F64


#: Pools of ours log under this name. They tell of each connection that broke by a traceback; that one did is said by
#: whoever needed it, in a line.
_POOL: Final = "moodmill"
logging.getLogger(f"sqlalchemy.pool.impl.QueuePool.{_POOL}").setLevel(logging.CRITICAL)


class Store:
    """Connections to one database. Cheap to make; opens nothing until used."""

    def __init__(self, database_url: str, answer_s: float | None = None) -> None:
        """`database_url` is an SQLAlchemy URL; raises SettingError when it names no database we speak.

        `answer_s`: seconds that a server may take for an answer, after which its connection counts as broken. Without
        it, as long as it takes: where nobody would try again, and a statement may be of any length.
        """
        self.url: Final = _checked_url(database_url)
        #: What is opened besides, as long as the store is: its lake.
        self.kept: Final[dict[str, Any]] = {}
        self.engine: Final = _sqlite_engine(self.url) if self.is_sqlite else _postgres_engine(self.url)
        if answer_s is not None and not self.is_sqlite:
            from moodmill.db.database.answers import limit_answers  # brings psycopg

            limit_answers(self.engine, answer_s, self.shown)

    @property
    def is_sqlite(self) -> bool:
        return self.url.get_backend_name() == "sqlite"

    @property
    def is_read_only(self) -> bool:
        """Whether the store is a file that may only be read."""
        return self.is_sqlite and is_read_only(self.url)

    @property
    def shown(self) -> str:
        """The URL without its passwords; of an SQLite file, its path."""
        if self.is_sqlite:
            return str(Path(self.url.database or "").resolve())
        return self.url.difference_update_query(("password", "sslpassword")).render_as_string()

    def exists(self) -> bool:
        """Tell whether an SQLite file is there yet; a database on a server always counts as there."""
        return not self.is_sqlite or Path(self.url.database or "").exists()

    def require(self) -> None:
        """Raise StoreError where there is no store to read: to open an SQLite file would make it."""
        if not self.exists():
            raise StoreError(f"no store at {self.shown}: `moodmill label` makes one, DATABASE_URL names another")
        if self.is_sqlite and Path(self.url.database or "").stat().st_size == 0:  # which to connect to would fill
            raise StoreError(self._empty())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one moment. Raises StoreError when the database cannot be reached."""
        with _translated_errors(self), self.engine.connect() as connection:
            if self.is_sqlite:  # a transaction sees one moment there as it is
                connection.execution_options(moodmill_read=True)
            else:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end, or rolls back on any exception."""
        with _translated_errors(self), self.engine.begin() as connection:
            yield connection

    def current(self) -> str | None:
        """Return the revision of the schema, or None of an empty database. Raises StoreError of one that is unfit."""
        with self.reading() as connection:
            require_encoding(connection, self.shown)
            if not inspect(connection).has_table(_VERSION.name):
                return None
            return connection.scalar(select(_VERSION.c.version_num))

    def newest(self) -> str:
        """Return the revision that this version of moodmill works with."""
        return _revisions()[-1]

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema to this version's revision, or an older one; nothing happens where it is there already.

        Raises StoreError of a store that another version made, and where views of somebody's own stand in the way.
        """
        from alembic import command  # which takes a while, and is needed where the schema changes alone
        from alembic.migration import MigrationContext
        from psycopg.errors import DependentObjectsStillExist

        self._refuse_unknown(self.current())
        config = _alembic()
        try:
            with self.writing() as connection:
                require_encoding(connection, self.shown)
                if not self.is_sqlite:
                    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
                if MigrationContext.configure(connection).get_current_revision() == self.newest():
                    create_views(connection)
        except DBAPIError as error:
            if not isinstance(error.orig, DependentObjectsStillExist):
                raise
            found = " ".join((error.orig.diag.message_detail or "").split())
            raise StoreError(
                f"views of your own in {self.shown} read what changes: drop them, upgrade, create them again ({found})"
            ) from error

    def prepare(self) -> None:
        """Create the schema in an empty database, and refuse one of another version with a StoreError."""
        found, wanted = self.current(), self.newest()
        if found == wanted:
            return
        if found is not None:
            self.require_schema()
        with self.reading() as connection:
            taken = set(inspect(connection).get_table_names()) & set(metadata.tables)
        if taken and self.current() is None:  # else another process made the schema meanwhile
            raise StoreError(
                f"the database {self.shown} holds tables of another program ({', '.join(sorted(taken))}): "
                "name a database of moodmill's own in DATABASE_URL"
            )
        self.upgrade()

    def require_schema(self) -> None:
        """Raise StoreError where the schema is not this version's: for who only reads, and creates none."""
        found, wanted = self.current(), self.newest()
        if found is None:
            raise StoreError(self._empty())
        if found != wanted:
            self._refuse_unknown(found)
            raise StoreError(f"the store {self.shown} has schema {found}, expected {wanted}: run `moodmill db upgrade`")

    def _empty(self) -> str:
        return f"the store {self.shown} is empty: `moodmill label` fills one, DATABASE_URL names another"

    def _refuse_unknown(self, found: str | None) -> None:
        if found is None or found in _revisions():
            return
        remedy = "use the moodmill that made it, or a newer one"
        if found in _UNRELEASED:
            remedy = "it was made before the first release: label its sources into a new store"
        raise StoreError(f"the store {self.shown} has schema {found}, expected {self.newest()}: {remedy}")

    def check(self) -> str | None:
        """Try to write, and take it back; return what to warn of. Raises StoreError where a run would fail.

        What a run needs, a store must have before the run: a role that may write, a server that keeps what it wrote.
        """
        with self.writing() as connection:
            try_writing(connection)
            connection.rollback()
        with self.reading() as connection:
            return warn_of_loss(durability(connection))

    def close(self) -> None:
        self.engine.dispose()


def _checked_url(database_url: str) -> URL:
    examples = "expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
    try:
        url = read_database_url(database_url, "DATABASE_URL")
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise SettingError(f"DATABASE_URL is no database URL: {examples}") from None
    if backend not in ("sqlite", "postgresql"):
        raise SettingError(f"DATABASE_URL names the database {backend!r}: {examples}")
    return sqlite_url(url) if backend == "sqlite" else url


def postgres_options(url: URL) -> dict[str, int | None]:
    """Return what a connection to PostgreSQL is made with besides what the URL says."""
    given = {name: value for name, value in POSTGRES_OPTIONS.items() if name not in url.query}
    # Behind a pooler that lends its connections by the transaction, a prepared statement is another connection's.
    return {**given, "prepare_threshold": None}


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url.set(query={}), creator=lambda: open_sqlite(url), **_common())

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins no transaction by itself: begin() below does
        if not is_read_only(url):
            _use_wal(connection)  # readers go on while a chunk is written
        # What is committed outlives a power cut: a source may be deleted once its run is done, as the spool is.
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
        add_lowered(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that will write takes the lock at once, and waits for it: one that began as a reader and
        # writes later is refused without waiting when another wrote in between.
        reads = connection.get_execution_options().get("moodmill_read", False)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the journal, however many do so at once: on a new file SQLite refuses all but one, and none waits."""
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _postgres_engine(url: URL) -> Engine:
    # Whatever the environment says, and so that a database of no encoding is read far enough to be refused.
    options = {"client_encoding": "utf8", **postgres_options(url)}
    engine = create_engine(url, pool_pre_ping=True, connect_args=options, **_common())

    @event.listens_for(engine, "handle_error")
    def leave(context: ExceptionContext) -> None:
        # Another server may have taken over: whoever comes next connects anew, and finds it by its name.
        if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY:
            context.is_disconnect = True

    return engine


def _common() -> dict[str, Any]:
    pool = {
        "pool_size": CONNECTIONS,
        "max_overflow": 0,
        "pool_timeout": CONNECTION_WAIT_S,
        "pool_logging_name": _POOL,
    }
    return {**pool, "hide_parameters": True}  # errors are logged, and parameters hold texts of comments


@contextmanager
def _translated_errors(store: Store) -> Iterator[None]:
    """Turn a database that cannot be reached or used into a StoreError of one line."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreAwayError(f"all {CONNECTIONS} connections to the store {store.shown} are busy") from error
    # The drivers' own are of rows, which go in on the driver's connection.
    except (DBAPIError, _driver_error(store)) as error:
        fault = fault_of(error)
        if fault is Fault.AWAY:
            raise StoreAwayError(_unusable(store, error)) from error
        if fault is Fault.UNUSABLE:
            raise StoreError(_unusable(store, error)) from error
        raise


def _driver_error(store: Store) -> type[Exception]:
    """Return what the driver of a store raises; asked for where something was raised, for psycopg takes a while."""
    if store.is_sqlite:
        return sqlite3.Error
    import psycopg

    return psycopg.Error


def _unusable(store: Store, error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    reason = str(cause).strip().split("\n")[0]
    if "not a database" in reason:
        return f"{store.shown} is no SQLite database: name another file in DATABASE_URL"
    needed = _rights_needed(store) if getattr(cause, "sqlstate", None) in _OF_RIGHTS else None
    return f"cannot use the store {store.shown}: {reason}; {needed or 'check DATABASE_URL'}"


def _rights_needed(store: Store) -> str | None:
    try:
        with store.engine.connect() as connection:
            return rights_needed(connection)
    except (DBAPIError, _driver_error(store)):
        return None  # what was wrong is reported nevertheless


def _revisions() -> list[str]:
    """Return the revisions that this version of moodmill knows, the newest last: each migration's file begins so."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _alembic() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
