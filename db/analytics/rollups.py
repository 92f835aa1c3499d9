"""The roll-ups: sums by day and month that dashboards read, brought up to date by what changed.

Whoever adds rows marks their days, in the same transaction. `refresh` takes the marks of a day away and then, in the
same transaction, adds up the day anew: the rows of a mark that it took are there, and a mark that comes later stays. So
the sums are exact after late and repeated comments and after a kill. Those of a day of which comments were deleted
(moodmill.db.analytics.retention) stay as they were: the day is closed.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, Final, Literal

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Date,
    Select,
    Table,
    cast,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union,
)

from moodmill.db.analytics.cooccurrence import count_sets, sets_query
from moodmill.db.analytics.day_sums import DaySums, add_up, measures, write_sums
from moodmill.db.core.days import midnight
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.dirty_periods import invalidate
from moodmill.db.database.schema import (
    comment_emotion,
    dirty_period,
    frozen_day,
    rollup_day,
    rollup_emotion_pair_day,
    rollup_subreddit_day,
    rollup_subreddit_month,
)
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import address_of
from moodmill.db.results.models import thresholds_of
from moodmill.db.results.row_reader import RowReader, row_reader

logger = logging.getLogger(__name__)

Grain = Literal["day", "month"]
#: In this order: months are added up from days.
GRAINS: Final[tuple[Grain, ...]] = ("day", "month")

#: Marks that are taken away at once.
_IDS: Final = 500
#: One process at a time adds up; others write and read meanwhile.
ALONE: Final = text(f"lock table {rollup_subreddit_day.name} in share row exclusive mode")
#: Comments, sums and counts: what the tables have in common.
_MEASURES: Final = ("comments", *(f"{kind}_{name}" for kind in ("sum", "above", "square") for name in EMOTIONS))


@dataclass(frozen=True, kw_only=True)
class Period:
    """A day, or the month that begins with it, of one model; the start is None for comments of an unknown time."""

    grain: Grain
    model: str
    start: date | None

    def __str__(self) -> str:
        if self.start is None:
            return f"{self.grain} unknown"
        return f"{self.start:%Y-%m-%d}" if self.grain == "day" else f"{self.start:%Y-%m}"


def invalidate_all(store: Store) -> None:
    """Mark every day that has rows or sums: for rows that came in or went without a mark."""
    rows = comment_emotion.c
    utc = rows.created_at if store.is_sqlite else func.timezone("UTC", rows.created_at)
    held, summed = select(rows.model, func.date(utc, type_=Date)), select(rollup_day.c.model, rollup_day.c.day)
    with store.writing() as connection, row_reader(connection) as reader:
        if reader.connection is None:
            days = set(reader.execute(select(rows.model, cast(rows.created_at, Date)).distinct()))
            days |= {tuple(row) for row in connection.execute(summed)}
            for model in {model for model, _ in days}:
                invalidate(connection, model, (day for its, day in days if its == model))
            return
        marks = select(literal("day"), *union(held, summed).subquery().c)
        connection.execute(insert(dirty_period).from_select(["grain", "model", "start"], marks))


def stale(store: Store) -> list[Period]:
    """Return the periods whose roll-ups are behind the rows."""
    with store.reading() as connection:
        return stale_periods(connection)


def freeze_days(connection: Connection, since: date, before: date) -> None:
    """Leave the sums of these days as they are from now on, in the transaction that lets their comments go.

    That must be alone, by `be_alone`, and no comments of these days may come in until it ends.
    """
    for period in stale_periods(connection):
        if period.grain == "day" and period.start is not None and since <= period.start < before:
            _aggregate(connection, period)
    days = rollup_day.c
    there = exists().where(frozen_day.c.model == days.model, frozen_day.c.day == days.day)
    ended = select(days.model, days.day).where(days.day >= since, days.day < before, ~there)
    connection.execute(insert(frozen_day).from_select(["model", "day"], ended))


def refresh(store: Store, on_done: Callable[[Period], None] = lambda _: None) -> int:
    """Bring the roll-ups up to date; return how many days and months were aggregated; `on_done` gets each of them.

    Each is a transaction of its own: one that is stopped in the middle is left to the next call.
    """
    done = late = 0
    with store.reading() as connection:
        has_lake = address_of(connection) is not None
    if has_lake:
        done, late = _refresh_lake(store, on_done)
    for grain in GRAINS:
        for period in (one for one in stale(store) if one.grain == grain):
            with store.writing() as connection:
                be_alone(connection)
                late += not _aggregate(connection, period)
            on_done(period)
            done += 1
    if late:
        logger.warning(
            "comments of %d days came in after others of these days were deleted: no roll-up counts them", late
        )
    return done


def _refresh_lake(store: Store, on_done: Callable[[Period], None]) -> tuple[int, int]:
    """Aggregate days of a lake, those of a month together; return how many, and how many of them are closed.

    They are added up beside those who write, and written where their marks are still there: else another process was
    faster, and may have seen more.
    """
    done = late = 0
    days = sorted({(one.model, one.start) for one in stale(store) if one.grain == "day"}, key=str)
    for (model, _), some in groupby(days, key=lambda one: (one[0], one[1] and one[1].replace(day=1))):
        wanted = {day for _, day in some}
        with store.reading() as connection:
            marks = _marks(connection, model, wanted)
            thresholds = thresholds_of(connection, model)
            with _reading(connection, model, wanted) as reader:
                sums = add_up(reader, model, wanted, thresholds)
        with store.writing() as connection:
            be_alone(connection)
            if not marks or not marks <= _marks(connection, model, wanted):
                continue
            late += _take(connection, model, wanted, marks, sums)
        for day in sorted(wanted, key=str):
            on_done(Period(grain="day", model=model, start=day))
        done += len(wanted)
    return done, late


def _marks(connection: Connection, model: str, days: Collection[date | None]) -> set[int]:
    """Return the marks of some days."""
    mark = dirty_period.c
    of_days = or_(*(_is(mark.start, day) for day in days))
    return set(connection.scalars(select(mark.id).where(mark.grain == "day", mark.model == model, of_days)))


def _take(
    connection: Connection, model: str, days: Collection[date | None], marks: Collection[int], sums: DaySums
) -> int:
    """Write sums, and take away the marks that they stand for; return how many days are closed, and have comments."""
    ids = sorted(marks)
    for first in range(0, len(ids), _IDS):
        connection.execute(delete(dirty_period).where(dirty_period.c.id.in_(ids[first : first + _IDS])))
    months = {day and day.replace(day=1) for day in days}
    connection.execute(insert(dirty_period), [{"grain": "month", "model": model, "start": month} for month in months])
    closed = set(connection.scalars(select(frozen_day.c.day).where(frozen_day.c.model == model)))
    kept = DaySums(
        subreddits=[row for row in sums.subreddits if row[0] not in closed],
        together={day: counted for day, counted in sums.together.items() if day not in closed},
    )
    _write_days(connection, model, [day for day in days if day not in closed], kept)
    return len(closed & sums.together.keys())


def stale_periods(connection: Connection) -> list[Period]:
    """Return the periods whose roll-ups are behind the rows, in a transaction that is under way."""
    key = (dirty_period.c.grain, dirty_period.c.model, dirty_period.c.start)
    rows = connection.execute(select(*key).distinct().order_by(*key))
    return [Period(grain=row.grain, model=row.model, start=row.start) for row in rows]


def be_alone(connection: Connection) -> None:
    """Have this transaction be the only one that adds up."""
    if connection.dialect.name != "sqlite":  # where whoever writes is alone
        connection.execute(ALONE)


def _aggregate(connection: Connection, period: Period) -> bool:
    """Add up a period anew; return False where it is a closed day, with comments that came in afterwards."""
    marks = dirty_period.c
    mine = (marks.grain == period.grain) & (marks.model == period.model) & _is(marks.start, period.start)
    connection.execute(delete(dirty_period).where(mine))
    model, start = period.model, period.start
    if period.grain == "month":
        _aggregate_month(connection, model, start)
        return True
    connection.execute(insert(dirty_period).values(grain="month", model=model, start=start and start.replace(day=1)))
    closed = (frozen_day.c.model == model) & (frozen_day.c.day == start)
    if start is not None and connection.scalar(select(exists().where(closed))):
        with _reading(connection, model, [start]) as reader:
            found = select(comment_emotion.c.comment_id).where(_of_day(model, start))
            return not reader.execute(found.limit(1))
    _aggregate_day(connection, model, start)
    return True


def _of_day(model: str, day: date | None) -> ColumnElement[bool]:
    after, created_at = _later(day, 1), comment_emotion.c.created_at
    of_day = _within(created_at, day and midnight(day), after and midnight(after))
    return (comment_emotion.c.model == model) & of_day


def _aggregate_day(connection: Connection, model: str, day: date | None) -> None:
    rows, thresholds = comment_emotion.c, thresholds_of(connection, model)
    with _reading(connection, model, [day]) as reader:
        if reader.connection is None:
            _write_days(connection, model, {day}, add_up(reader, model, {day}, thresholds))
            return
    fresh = _select(model, day, rows.subreddit, *measures(thresholds)).where(_of_day(model, day))
    _replace(connection, rollup_subreddit_day, rollup_subreddit_day.c.day, model, day, fresh.group_by(rows.subreddit))
    _aggregate_subreddits(connection, model, day)
    _count_together(connection, model, day, thresholds)


def _aggregate_subreddits(connection: Connection, model: str, day: date | None) -> None:
    days = rollup_subreddit_day.c
    every = _select(model, day, *sums_of(rollup_subreddit_day)).where(days.model == model, _is(days.day, day))
    _replace(connection, rollup_day, rollup_day.c.day, model, day, every.group_by(days.model))


def _write_days(connection: Connection, model: str, days: Collection[date | None], sums: DaySums) -> None:
    write_sums(connection, model, days, sums)
    for day in days:
        _aggregate_subreddits(connection, model, day)


def _reading(connection: Connection, model: str, days: Collection[date | None]) -> AbstractContextManager[RowReader]:
    """Return what reads the rows of some days."""
    known = [day for day in days if day is not None]
    if not known or None in days:
        return row_reader(connection, models={model})
    after = _later(max(known), 1)
    until = None if after is None else midnight(after)
    return row_reader(connection, models={model}, since=midnight(min(known)), until=until)


def _count_together(connection: Connection, model: str, day: date | None, thresholds: Mapping[str, float]) -> None:
    table = rollup_emotion_pair_day
    connection.execute(delete(table).where(table.c.model == model, _is(table.c.day, day)))
    together = count_sets(connection.execute(sets_query(thresholds, _of_day(model, day))))
    if together.comments:
        names = ("emotion", "other", "comments")
        rows = [{"model": model, "day": day, **dict(zip(names, row, strict=True))} for row in together.rows()]
        connection.execute(insert(table), rows)


def _aggregate_month(connection: Connection, model: str, month: date | None) -> None:
    days, table = rollup_subreddit_day.c, rollup_subreddit_month
    after = _later(month, 31)
    after = after and after.replace(day=1)
    of_month = (days.model == model) & _within(days.day, month, after)
    fresh = _select(model, month, days.subreddit, *sums_of(rollup_subreddit_day)).where(of_month)
    _replace(connection, table, table.c.month, model, month, fresh.group_by(days.subreddit))


def _select(model: str, start: date | None, *columns: ColumnElement[Any]) -> Select[Any]:
    return select(literal(model), literal(start, Date), *columns)


def _replace(
    connection: Connection, table: Table, period: Column[Any], model: str, start: date | None, rows: Select[Any]
) -> None:
    """Put rows in the place of those that a table has of this model and period."""
    connection.execute(delete(table).where(table.c.model == model, _is(period, start)))
    connection.execute(insert(table).from_select([column.name for column in table.c], rows))


def sums_of(table: Table) -> list[ColumnElement[Any]]:
    """What is added up of finer sums, in the order of the tables' columns."""
    return [func.sum(table.c[name]) for name in _MEASURES]


def _later(start: date | None, days: int) -> date | None:
    """Return a day later on; None after the last day that there is."""
    return None if start is None or start > date.max - timedelta(days=days) else start + timedelta(days=days)


def _within(column: ColumnElement[Any], start: Any, stop: Any) -> ColumnElement[bool]:
    if start is None:
        return column.is_(None)
    after: ColumnElement[bool] = column >= start
    return after if stop is None else after & (column < stop)


def _is(column: ColumnElement[Any], value: Any) -> ColumnElement[bool]:
    # "is not distinct from" would say the same, and PostgreSQL would use no index for it
    return column.is_(None) if value is None else column == value
