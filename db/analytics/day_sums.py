"""Adds up days of a lake: several at once, for whoever reads its files reads all of a month."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Date,
    Double,
    Select,
    case,
    cast,
    delete,
    func,
    insert,
    null,
    or_,
    select,
)

from moodmill.db.analytics.cooccurrence import CoOccurrence, count_sets, emotion_set
from moodmill.db.core.days import midnight
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion, rollup_emotion_pair_day, rollup_subreddit_day
from moodmill.db.results.models import is_above
from moodmill.db.results.row_reader import RowReader

#: Sums that are written at once.
_AT_ONCE: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class DaySums:
    """Sums of some days of a model, as the roll-ups hold them."""

    #: A row a day and subreddit, in the order of the columns of `rollup_subreddit_day` behind the model.
    subreddits: Sequence[tuple[Any, ...]]
    together: Mapping[date | None, CoOccurrence]


def measures(thresholds: Mapping[str, float]) -> list[ColumnElement[Any]]:
    """Return what is added up of comments, in the order of the roll-ups' columns."""
    rows = comment_emotion.c
    # PostgreSQL would add up singles in a single.
    exact = [cast(rows[name], Double) for name in EMOTIONS]
    sums = [func.sum(probability) for probability in exact]
    # DuckDB would count to any height, in decimals.
    counts = [cast(func.sum(case((is_above(name, thresholds[name]), 1), else_=0)), BigInteger) for name in EMOTIONS]
    squares = [func.sum(probability * probability) for probability in exact]
    return [func.count(), *sums, *counts, *squares]


def add_up(reader: RowReader, model: str, days: Collection[date | None], thresholds: Mapping[str, float]) -> DaySums:
    """Add up days, each of which may be None, for comments of an unknown time; `reader` is of a lake."""
    held = [comment_emotion.c.model == model, or_(*_conditions(days))]
    # In UTC: that is the reader's time zone.
    day = (cast(comment_emotion.c.created_at, Date) if days != {None} else cast(null(), Date)).label("day")
    found = emotion_set(thresholds).label("emotion_set")
    sets: Select[Any] = select(day, found, func.count().label("comments")).where(*held).group_by(day, found)
    by_day: dict[date | None, list[tuple[int, int]]] = {}
    for of_day, emotions, comments in reader.execute(sets):
        by_day.setdefault(of_day, []).append((emotions, comments))
    subreddit = comment_emotion.c.subreddit
    sums: Select[Any] = select(day, subreddit, *measures(thresholds)).where(*held).group_by(day, subreddit)
    return DaySums(
        subreddits=[tuple(row) for row in reader.execute(sums)],
        together={of_day: count_sets(counted) for of_day, counted in by_day.items()},
    )


def write_sums(connection: Connection, model: str, days: Collection[date | None], sums: DaySums) -> None:
    """Put sums in the place of those that the roll-ups have of these days, by subreddit and of what is together."""
    for table in (rollup_subreddit_day, rollup_emotion_pair_day):
        for day in days:
            of_day = table.c.day.is_(None) if day is None else table.c.day == day
            connection.execute(delete(table).where(table.c.model == model, of_day))
    _insert(connection, model, sums.subreddits)
    pairs = [
        {"model": model, "day": day, "emotion": emotion, "other": other, "comments": comments}
        for day, together in sums.together.items()
        for emotion, other, comments in together.rows()
    ]
    if pairs:
        connection.execute(insert(rollup_emotion_pair_day), pairs)


def _insert(connection: Connection, model: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert sums by the driver itself, for there may be a hundred thousand a month: four times as fast."""
    names = [column.name for column in rollup_subreddit_day.c]
    is_sqlite = connection.dialect.name == "sqlite"
    places = ", ".join([("?" if is_sqlite else "%s")] * len(names))
    statement = f"insert into {rollup_subreddit_day.name} ({', '.join(names)}) values ({places})"  # noqa: S608 - ours
    for first in range(0, len(rows), _AT_ONCE):
        some = rows[first : first + _AT_ONCE]
        values = [(model, str(day) if is_sqlite and day else day, *rest) for day, *rest in some]
        connection.exec_driver_sql(statement, values)


def _conditions(days: Collection[date | None]) -> Iterator[ColumnElement[bool]]:
    """Yield a condition for each stretch of days."""
    moment = comment_emotion.c.created_at
    if None in days:
        yield moment.is_(None)
    known = sorted(day for day in days if day is not None)
    for at, first in enumerate(known):
        if at and known[at - 1] == first - timedelta(days=1):
            continue
        last = first
        for day in known[at + 1 :]:
            if day - last > timedelta(days=1):
                break
            last = day
        begins: ColumnElement[bool] = moment >= midnight(first)
        yield begins if last == date.max else begins & (moment < midnight(last + timedelta(days=1)))
