"""What was found: a table of numbers, the SQL that they come from, and what is to be known beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select

from moodmill.db.results.row_reader import written


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Rows of some columns. Numbers are plain Python's; None is where nothing can be said."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    #: As they were asked, with their values in them.
    queries: tuple[str, ...]
    #: Sentences for people: what is left out, what is behind.
    remarks: tuple[str, ...] = ()

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield each row by the names of the columns."""
        for row in self.rows:
            yield dict(zip(self.columns, row, strict=True))

    def column(self, name: str) -> list[Any]:
        """Return the values of one column."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


def as_sql(connection: Connection, query: Select[Any]) -> str:
    """Return a query as somebody would write it, for the store that it is asked of."""
    return written(connection, query)
