"""New rows of an SQL table or view, in the order of a key. Any database will do that SQLAlchemy has a driver for."""

import logging
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    DateTime,
    Engine,
    Integer,
    MetaData,
    NullPool,
    Select,
    String,
    Table,
    Uuid,
    and_,
    create_engine,
    event,
    func,
    inspect,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.types import NullType

from moodmill.db.core.errors import SettingError, SourceError
from moodmill.db.core.urls import read_database_url
from moodmill.db.database.sqlitefile import BUSY_MS
from moodmill.db.database.store import postgres_options
from moodmill.producers.sources.columns import locate
from moodmill.producers.sources.layout import Columns
from moodmill.producers.sources.times import parse_time
from moodmill.producers.sources.watermark import KEYS, Value, Watermark

logger = logging.getLogger(__name__)

#: Rows fetched at once.
BATCH: Final = 4096
#: The fields of a row, in their order.
FIELDS: Final = ("text", "id", "subreddit", "author", "created_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A row of a table."""

    #: By FIELDS; null where the table has none, bytes where a text is no UTF-8.
    fields: tuple[str | bytes | None, ...]
    #: How far the table is read with this row.
    watermark: Watermark


class SqlTable:
    """A table or view of which rows are read beyond a watermark. Nothing is written to its database."""

    def __init__(self, url: str | URL, name: str, key: str, columns: Columns, *, setting: str = "DATABASE_URL") -> None:
        """`url` is what `setting` says; a schema stands before `name` with a dot.

        Raises SettingError or SourceError where the URL names no database.
        """
        self.name: Final = name
        self._key = key
        self._columns = columns
        self._engine = _engine(url, setting)

    def rows(self, after: Watermark | None, limit: int, settled: float) -> Generator[Row, None, None]:
        """Yield at most `limit` rows beyond a watermark, in the order of key and id, in flat memory.

        Of a key that is a time, up to the first that is less than `settled` seconds ago. Rows without key or id are
        passed over. A watermark of other columns counts for nothing. Raises SourceError where the table cannot be read.
        """
        with self._opened(after) as (connection, found):
            until = _now(connection) - timedelta(seconds=settled) if found.is_time else None
            if after is not None and found.last is None:
                logger.warning("table %s is read from its beginning: it was read by other columns before", self.name)
            streamed = connection.execution_options(stream_results=True, max_row_buffer=BATCH)
            before: Sequence[object] = ()
            with streamed.execute(found.query().limit(limit)) as rows:
                for row in rows:
                    fields, last = row[: len(FIELDS)], row[len(FIELDS) :]
                    if until is not None and self._time(last[0]) > until:
                        return
                    if last == before and len(last) == 1:
                        raise SourceError(
                            f"table {self.name} has two rows of {self._key!r} {_written(last[0])!s}, which is to be "
                            "their id: name another one by id_column"
                        )
                    before = last
                    values = tuple(Value.of(*one) for one in zip(last, found.order, strict=True))
                    read = Watermark(table=self.name, order=found.order, last=values)
                    yield Row(fields=tuple(map(_written, fields)), watermark=read)

    def passed_over(self, after: Watermark | None) -> int:
        """Count the rows that are never read: without a key, or beyond the watermark without id. Raises as `rows`."""
        with self._opened(after) as (connection, found):
            return int(connection.scalar(found.count_passed_over()) or 0)

    def _time(self, value: object) -> datetime:
        moment = parse_time(value)
        if moment is None:
            raise SourceError(f"table {self.name}: expected times in column {self._key!r}, found {str(value)[:60]!r}")
        return moment

    @contextmanager
    def _opened(self, after: Watermark | None) -> Iterator[tuple[Connection, "_Found"]]:
        try:
            with self._engine.connect() as connection:
                connection.execution_options(postgresql_readonly=True)
                yield connection, self._found(_reflected(connection, self.name), after)
        except DBAPIError as error:
            reason = " ".join(str(error.orig).strip().split("\n")[0].split())
            raise SourceError(f"table {self.name} cannot be read: {reason}") from error
        except SQLAlchemyError as error:
            raise SourceError(f"table {self.name} cannot be read: {' '.join(str(error).split())}") from error

    def _found(self, table: Table, after: Watermark | None) -> "_Found":
        names = [str(column.name) for column in table.c]  # plain strings, as JSON holds them
        if self._key not in names:
            found = ", ".join(map(repr, names))
            raise SourceError(f"table {self.name} has no column {self._key!r} to be its key: expected one of {found}")
        kind = table.c[self._key].type
        if not isinstance(kind, Integer | String | Uuid | DateTime):
            raise SourceError(f"table {self.name}: expected {KEYS} in column {self._key!r}, found {kind!r}")
        is_time = isinstance(kind, DateTime)
        at = locate(self._columns, names, f"table {self.name}")
        fields = {field: names[index] for field, index in at.items()}
        if "id" not in fields:
            if is_time:
                raise SourceError(f"table {self.name} has no column of ids, and a time is none: name one by id_column")
            fields["id"] = self._key
        # SQLite's columns hold values of any type: they are read, and compared, as they are.
        is_raw = self._engine.dialect.name == "sqlite"
        columns = {name: type_coerce(table.c[name], NullType()) if is_raw else table.c[name] for name in names}
        order = tuple(dict.fromkeys((self._key, fields["id"])))
        goes_on = after is not None and (after.table, after.order) == (self.name, order)
        return _Found(
            fields=[columns[fields[field]] if field in fields else null() for field in FIELDS],
            order=order,
            by=[columns[name] for name in order],
            last=[one.key for one in after.last] if after is not None and goes_on else None,
            is_time=is_time,
        )


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What a database has of a table."""

    #: By FIELDS.
    fields: list[ColumnElement[Any]]
    #: Names the columns that put the rows in order: the key, and the id where that is another.
    order: tuple[str, ...]
    by: list[ColumnElement[Any]]
    #: What the last row that was read has in them; None where none was.
    last: list[Any] | None
    #: Whether the key is a time.
    is_time: bool

    def query(self) -> Select[Any]:
        """Return the rows that are to be read, in their order: their fields, then what puts them in order."""
        query = select(*self.fields, *self.by).where(*(one.is_not(None) for one in self.by)).order_by(*self.by)
        if self.last is None:
            return query
        key, last = self.by[0], self.last[0]
        if len(self.by) == 1:
            return query.where(key > last)
        # What an index on the key serves stands alone.
        return query.where(key >= last, or_(key > last, self.by[1] > self.last[1]))

    def count_passed_over(self) -> Select[Any]:
        """Count the rows that `query` leaves out, as an index on the key can serve it."""
        key, *ids = self.by
        beyond = [] if self.last is None else [key > self.last[0]]
        return select(func.count()).where(or_(key.is_(None), *(and_(one.is_(None), *beyond) for one in ids)))


def _now(connection: Connection) -> datetime:
    """Return what time it is, by this machine's clock or that of the database, whichever is behind.

    Below a row that is read too early others may be committed, which would never be read.
    """
    ours, theirs = datetime.now(UTC), connection.scalar(select(func.now()))
    # A time without a zone is that of wherever the server is; SQLite's is UTC, and this machine's.
    return min(ours, theirs) if isinstance(theirs, datetime) and theirs.tzinfo else ours


def _reflected(connection: Connection, name: str) -> Table:
    """Find a table by its whole name, else by its schema and the rest."""
    database = inspect(connection)
    schema, _, rest = ("", "", name) if database.has_table(name) else name.rpartition(".")
    if not database.has_table(rest, schema or None):
        raise SourceError(f"there is no table {name} in the database {connection.engine.url.database}")
    return Table(rest, MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)


def _engine(url: str | URL, setting: str) -> Engine:
    try:
        named = read_database_url(url, setting)
        options: dict[str, dict[str, Any]] = {
            "postgresql": postgres_options(named),
            "sqlite": {"timeout": BUSY_MS / 1000},
        }
        engine = create_engine(named, poolclass=NullPool, connect_args=options.get(named.get_backend_name(), {}))
    except (ArgumentError, NoSuchModuleError, ValueError):
        expected = "expected one like sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        raise SettingError(f"{setting} is no database URL that SQLAlchemy knows: {expected}") from None
    except ImportError as error:
        raise SettingError(f"{setting} needs the driver {error.name!r}, which is not installed here") from None
    if engine.dialect.name == "sqlite":
        if "uri" not in named.query and not Path(named.database or "").is_file():
            raise SourceError(f"{setting} names the SQLite file {named.database}, which does not exist")
        event.listen(engine, "connect", _read_any_text)
    return engine


def _read_any_text(connection: Any, _record: Any) -> None:
    """One text of SQLite's that is no UTF-8 would otherwise end the reading."""
    connection.text_factory = _text_or_bytes


def _text_or_bytes(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _written(value: object) -> str | bytes | None:
    match value:
        case None | str() | bytes():
            return value
        case date():  # a datetime is one, too
            return value.isoformat()
        case _:
            return str(value)
