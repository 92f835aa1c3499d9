"""Why nothing in the store is what was asked for, and what there is that may have been meant, in a line."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from moodmill.db.core.conditions import rows_within
from moodmill.db.core.nearnames import LIMIT, listed, nothing_of
from moodmill.db.database.schema import comment_emotion, dirty_period, rollup_subreddit_month
from moodmill.db.results.row_reader import RowReader, TableReader, row_reader


def why_nothing(connection: Connection, *, models: Collection[str], subreddits: Collection[str], of_days: bool) -> str:
    """Return what to say where the store has no comments of these models and subreddits, and of the days asked for.

    Empty asked for all; `of_days` says whether it asked for days.
    """
    with row_reader(connection) as reader:
        return _why_nothing(_known(connection, reader), models, subreddits, of_days=of_days)


def _why_nothing(known: "_Known", models: Collection[str], subreddits: Collection[str], *, of_days: bool) -> str:
    there = {row[0] for row in known.execute(select(known.table.c.model).distinct())}
    if not there:
        return "the store holds no classified comments: `moodmill label` brings some"
    if models and there.isdisjoint(models):
        asked = " or ".join(map(repr, sorted(models)))
        return f"no comments of the model {asked} in the store: expected one of {', '.join(sorted(there))}"
    said = f"no comments of the model {' or '.join(sorted(models))}" if models else "no comments"
    of_models = [known.table.c.model.in_(models)] if models else []
    of_both = [*of_models, *rows_within(known.table, None, subreddits, None, None)]
    if subreddits and not known.execute(select(known.table.c.model).where(*of_both).limit(1)):
        return nothing_of("subreddit", subreddits, known.subreddits(of_models), f"{said} are")
    if subreddits:
        said += f"{' and' if models else ' of'} {listed('subreddit', subreddits)}"
    months = known.months(of_both)
    return f"{said} are of these days: there are some of {months}" if of_days else f"{said} are left of {months}"


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A table that shows which comments there are."""

    table: Table
    time: ColumnElement[Any]
    comments: ColumnElement[Any]
    #: Asks a query of it.
    execute: Callable[[Select[Any]], Sequence[Any]]

    def subreddits(self, held: Collection[ColumnElement[bool]]) -> dict[str, int]:
        """Return the most frequent subreddits, each with its comments; the empty name stands for none."""
        name = self.table.c.subreddit
        counted = select(name, self.comments).where(*held).group_by(name)
        query = counted.order_by(self.comments.desc(), name).limit(LIMIT)
        return {subreddit or "": int(n) for subreddit, n in self.execute(query)}

    def months(self, held: Collection[ColumnElement[bool]]) -> str:
        """Return the first and the last month that has comments."""
        query = select(func.min(self.time), func.max(self.time)).where(*held)
        first, last = self.execute(query)[0]
        if first is None:
            return "an unknown time"
        months = dict.fromkeys(moment.isoformat()[:7] for moment in (first, last))
        return " to ".join(months)


def _known(connection: Connection, reader: RowReader) -> _Known:
    """Return the table that answers fastest: the roll-ups, unless they are behind the rows."""
    sums, rows = rollup_subreddit_month.c, comment_emotion.c
    if connection.scalar(select(dirty_period.c.id).limit(1)) is None:
        counted = func.sum(sums.comments)
        ask = TableReader(connection).execute
        return _Known(table=rollup_subreddit_month, time=sums.month, comments=counted, execute=ask)
    return _Known(table=comment_emotion, time=rows.created_at, comments=func.count(), execute=reader.execute)
