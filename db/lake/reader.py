"""Reads a lake with DuckDB: queries are those of a store without one, written for its table of result rows."""

import re
from collections import namedtuple
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Integer, Select, literal_column, select
from sqlalchemy.dialects import postgresql

from moodmill.db.core.errors import SettingError, StoreAwayError, StoreError
from moodmill.db.database.schema import comment_emotion
from moodmill.db.lake.folder import LakeFolder
from moodmill.db.lake.manifest import LakeFile, files_there
from moodmill.db.lake.snapshot import scan, snapshot

#: DuckDB speaks PostgreSQL's SQL, but its parameters are numbered.
_DIALECT: Final = postgresql.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]
_WRITTEN: Final = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
#: The share of the memory of this machine that a query may take; what is more lies on the disk for the while.
MEMORY: Final = "15%"
#: Rows of a batch, where nobody says how many.
BATCH: Final = 50_000


class LakeReader:
    """The rows of a lake, as a view `comment_emotion` of a DuckDB in memory. Raises StoreAwayError as it reads."""

    def __init__(self, duckdb: Any, folder: LakeFolder) -> None:
        self._duckdb: Final = duckdb
        self.folder: Final = folder
        self.connection: Final = None

    def show(self, files: Sequence[LakeFile]) -> None:
        """Have the view show the rows of these files."""
        self.run(f"create or replace view {comment_emotion.name} as {snapshot(self.folder, files)}")

    def holding(self, files: Sequence[LakeFile], condition: ColumnElement[bool]) -> list[LakeFile]:
        """Return the files that have rows for which something holds. They are in view then."""
        rows = f"select *, file_index from {scan(self.folder, files)}"  # noqa: S608 - names of files of the manifest
        self.run(f"create or replace view {comment_emotion.name} as {rows}")
        number = literal_column("file_index", Integer)
        query: Select[Any] = select(number).select_from(comment_emotion).where(condition).distinct().order_by(number)
        return [files[row[0]] for row in self.execute(query)]

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run SQL of our own; return its rows."""
        with _translated(self.folder):
            rows: list[tuple[Any, ...]] = self._duckdb.execute(sql).fetchall()
            return rows

    def stream(self, sql: str, values: Sequence[Any] = (), size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Yield the rows of SQL as record batches, so many rows at a time."""
        with _translated(self.folder):
            yield from self._duckdb.sql(sql, params=list(values)).to_arrow_reader(size)

    def execute(self, query: Select[Any]) -> list[Any]:
        """Return the rows of a query, each a tuple with names."""
        return [row for batch in self.batches(query, BATCH) for row in batch]

    def scalar(self, query: Select[Any]) -> Any:
        """Return the first column of the first row; None where there is no row."""
        rows = self.execute(query)
        return rows[0][0] if rows else None

    def batches(self, query: Select[Any], size: int) -> Iterator[list[Any]]:
        """Yield the rows of a query, some at a time, so that memory stays flat."""
        row_of = namedtuple("Row", [*query.selected_columns.keys()], rename=True)  # type: ignore[misc] # noqa: PYI024
        for batch in self._found(query, size):
            columns = [_plain(column) for column in batch.columns]
            yield [row_of(*values) for values in zip(*columns, strict=True)]

    def arrow(self, query: Select[Any], schema: pa.Schema, size: int = BATCH) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a query as record batches of a schema."""
        return (batch.cast(schema) for batch in self._found(query, size))

    def as_sql(self, query: Select[Any]) -> str:
        """Return a query as somebody would write it."""
        return str(query.compile(dialect=_WRITTEN, compile_kwargs={"literal_binds": True}))

    def _found(self, query: Select[Any], size: int) -> Iterator[pa.RecordBatch]:
        compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params()
        return self.stream(str(compiled), [values[name] for name in compiled.positiontup or ()], size)


def _plain(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_timestamp(column.type):
        return [value and value.astimezone(UTC) for value in values]
    return values


@contextmanager
def lake_reader(folder: LakeFolder) -> Iterator[LakeReader]:
    """Yield what reads a lake, with nothing in view yet. Raises SettingError where DuckDB is missing."""
    try:
        import duckdb
    except ImportError as error:
        raise SettingError("a lake is read by DuckDB: pip install 'moodmill[lake]' brings it") from error
    with TemporaryDirectory(prefix="moodmill-lake-") as beside, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set preserve_insertion_order = false")  # what wants an order says so
        connection.execute(f"set memory_limit = '{MEMORY}'")
        connection.execute(f"set temp_directory = '{beside}'")
        if folder.filesystem is not None:
            connection.register_filesystem(folder.filesystem)
        yield LakeReader(connection, folder)


@contextmanager
def reading_lake(
    connection: Connection,
    address: str,
    *,
    models: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[LakeReader]:
    """Yield what reads the lake as a transaction sees it; with all rows of some models and of some time, and others."""
    with lake_reader(LakeFolder(address)) as reader:
        reader.show(files_there(connection, models=models, since=since, until=until))
        yield reader


@contextmanager
def _translated(folder: LakeFolder) -> Iterator[None]:
    """Turn what a lake cannot be read for into a StoreError; what is wrong with our SQL stays what it is."""
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise StoreError(
            f"cannot read the lake {folder.address}: the query needs more memory than {MEMORY} of this machine's, or "
            "more room than its temporary folder has: ask for less of it, or `moodmill lake merge` first"
        ) from error
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        if folder.filesystem is not None:
            raise StoreAwayError(f"cannot read the lake {folder.address} just now: {_reason(error)}") from error
        raise StoreError(f"cannot read the lake {folder.address}: {_reason(error)}") from error
    except (duckdb.Error, pa.ArrowException) as error:
        # What the packages of a storage raise comes as a bare Error, with their traceback.
        if isinstance(error, duckdb.Error) and type(error) is not duckdb.Error:
            raise
        raise StoreAwayError(f"cannot read the lake {folder.address} just now: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the line that says why: the last one of a traceback, without the query that stands behind it."""
    lines = [line.strip() for line in re.split(r"LINE \d+:", str(error))[0].splitlines() if line.strip()]
    return re.sub(r"[a-z0-9+.-]+://\S+", "the URL", lines[-1] if lines else type(error).__name__)
