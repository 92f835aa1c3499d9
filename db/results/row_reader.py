"""Reads result rows where they are: in the table of the store, or in its lake. Queries are the same for both.

Whoever asks for rows takes one of these; whoever asks for sums, runs or models takes the connection.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from sqlalchemy import Connection, Select

from moodmill.db.lake.lake import address_of

if TYPE_CHECKING:
    import pyarrow as pa


class RowReader(Protocol):
    """The rows at one moment. A query is of `comment_emotion` alone."""

    @property
    def connection(self) -> Connection | None:
        """The connection whose own table has the rows; None of a lake."""

    def execute(self, query: Select[Any]) -> Sequence[Any]:
        """Return the rows of a query."""

    def scalar(self, query: Select[Any]) -> Any:
        """Return the first column of the first row; None where there is no row."""

    def batches(self, query: Select[Any], size: int) -> Iterator[Sequence[Any]]:
        """Yield the rows of a query, so many at a time, so that memory stays flat."""

    def arrow(self, query: Select[Any], schema: "pa.Schema", size: int) -> "Iterator[pa.RecordBatch]":
        """Yield the rows of a query as record batches of a schema, so many at a time."""

    def as_sql(self, query: Select[Any]) -> str:
        """Return a query as somebody would write it."""


class TableReader:
    """The rows of a store's table."""

    def __init__(self, connection: Connection) -> None:
        self.connection: Final = connection

    def execute(self, query: Select[Any]) -> Sequence[Any]:
        return self.connection.execute(query).all()

    def scalar(self, query: Select[Any]) -> Any:
        return self.connection.scalar(query)

    def batches(self, query: Select[Any], size: int) -> Iterator[Sequence[Any]]:
        streamed = query.execution_options(stream_results=True, max_row_buffer=size)
        return self.connection.execute(streamed).partitions(size)

    def arrow(self, query: Select[Any], schema: "pa.Schema", size: int) -> "Iterator[pa.RecordBatch]":
        from moodmill.db.lake.columnar import as_batch  # brings pyarrow

        return (as_batch(rows, schema) for rows in self.batches(query, size))

    def as_sql(self, query: Select[Any]) -> str:
        return written(self.connection, query)


@contextmanager
def row_reader(
    connection: Connection,
    *,
    models: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[RowReader]:
    """Yield what reads the rows as a transaction sees them.

    Files of a lake that hold nothing of these models, or of this time, may be left out; None and empty ask for all.
    Raises SettingError where a lake is to be read and DuckDB is missing, and StoreError where it cannot be read.
    """
    address = address_of(connection)
    if address is None:
        yield TableReader(connection)
        return
    from moodmill.db.lake.reader import reading_lake  # brings pyarrow

    with reading_lake(connection, address, models=models, since=since, until=until) as reader:
        yield reader


def written(connection: Connection, query: Select[Any]) -> str:
    """Return a query as somebody would write it, for the store that it is asked of."""
    said = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
    # A driver that takes its parameters by % wants each other one twice.
    return said.replace("%%", "%") if connection.dialect.paramstyle in ("format", "pyformat") else said
