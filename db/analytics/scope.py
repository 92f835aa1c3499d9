"""Which comments numbers are about: those of one model, by subreddit and whole days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, and_

from moodmill.db.core.days import midnight
from moodmill.db.core.filters import rows_within
from moodmill.db.database.schema import comment_emotion, rollup_day, rollup_subreddit_day, rollup_subreddit_month

#: Rows read at once: some 20 MB.
BATCH: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class Scope:
    """The comments of a model; None and empty ask for all. Those of an unknown time are of no day."""

    model: str
    #: However they are spelled.
    subreddits: frozenset[str] = frozenset()
    #: The first day wanted, in UTC, and the first no more wanted.
    since: date | None = None
    until: date | None = None

    @property
    def days(self) -> Table:
        """The smallest roll-up by day that separates these comments from others."""
        return rollup_subreddit_day if self.subreddits else rollup_day

    @property
    def subreddit_sums(self) -> Table:
        """The smallest roll-up by subreddit that separates these comments from others."""
        return rollup_subreddit_month if self.since is None and self.until is None else rollup_subreddit_day

    def rows(self) -> ColumnElement[bool]:
        """Return what holds for the rows of these comments."""
        column = comment_emotion.c.created_at
        since, until = (day and midnight(day) for day in (self.since, self.until))
        return self._within(comment_emotion, column, since, until)

    def sums(self, table: Table) -> ColumnElement[bool]:
        """Return what holds for the sums of these comments, in `days` or `subreddit_sums`."""
        return self._within(table, table.c.get("day"), self.since, self.until)

    def _within(self, table: Table, column: ColumnElement[Any] | None, since: Any, until: Any) -> ColumnElement[bool]:
        of_model = table.c.model == self.model
        return and_(of_model, *rows_within(table, column, self.subreddits, since, until))


def in_batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Row[Any]]]:
    """Yield rows BATCH at a time, as the database finds them, so that memory stays flat."""
    return connection.execute(query.execution_options(stream_results=True, max_row_buffer=BATCH)).partitions(BATCH)
