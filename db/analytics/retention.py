"""Letting old comments go, month by month; the roll-ups of their time stay. So a store has an end to its growth."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

from sqlalchemy import delete, func, select, text

from moodmill.db.analytics.rollups import be_alone, freeze_days, refresh
from moodmill.db.core.days import midnight, next_month
from moodmill.db.database.clock import shared_now
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import Lake, lake_of
from moodmill.db.lake.manifest import files_there, remove_files
from moodmill.db.ledger.twins import forget_twins
from moodmill.db.results.partitions import (
    EARLY,
    FIRST_YEAR,
    LAST_YEAR,
    LATE,
    begin_change,
    months_there,
    partition_of,
)


def today(store: Store) -> date:
    """Return the day by the clock of this machine or of the store, whichever is behind: what goes is gone for good."""
    with store.reading() as connection:
        return min(datetime.now(UTC), shared_now(connection)).date()


def first_kept(today: date, months: int) -> date:
    """Return the first day that is kept where `months` are, that of `today` among them."""
    count = max(today.year * 12 + today.month - months, 12)
    return date(count // 12, count % 12 + 1, 1)


def prune(store: Store, before: date, on_month: Callable[[str], None] = lambda _: None) -> int:
    """Delete the comments before a month; return how many months that were; `on_month` gets each of them.

    What the roll-ups say of the days that go stays: it is brought up to date in the transaction that lets a month go.
    Comments of an unknown time stay. What is not done when it is broken off is left to the next call.
    """
    before = before.replace(day=1)
    refresh(store)  # which others need not wait for, and leaves little to add up where they do
    done = 0
    for month in _months_deleted(store, before):
        on_month(month)
        done += 1
    refresh(store)  # the months of what came in meanwhile
    return done


def _months_deleted(store: Store, before: date) -> Iterator[str]:
    lake = lake_of(store)
    if lake is not None:
        return _remove_files(lake, before)
    return _delete_months(store, before) if store.is_sqlite else _drop_partitions(store, before)


def _remove_files(lake: Lake, before: date) -> Iterator[str]:
    """Take the files of months out of a lake; what came in since they were merged stays until the next call."""
    from moodmill.db.lake.merging import merge, month_of  # brings pyarrow

    merge(lake)
    with lake.store.reading() as connection:
        found = {month_of(file) for file in files_there(connection) if file.merged}
    for month in sorted(month for month in found if month is not None and month < before):
        with lake.store.writing() as connection:
            be_alone(connection)
            held = [file for file in files_there(connection) if file.merged and month_of(file) == month]
            freeze_days(connection, month, next_month(month))
            remove_files(connection, held)
            forget_twins(connection)
        yield f"{month:%Y-%m}"


def _drop_partitions(store: Store, before: date) -> Iterator[str]:
    early, late = (EARLY, date.min, date(FIRST_YEAR, 1, 1)), (LATE, date(LAST_YEAR + 1, 1, 1), date.max)
    for (part, since, end), called in ((early, "long before"), (late, "far ahead")):
        old = text(f"delete from {part} where created_at < :moment")  # noqa: S608 - a constant name
        with store.writing() as connection:
            be_alone(connection)
            connection.execute(text(f"lock table {part} in share row exclusive mode"))  # nobody adds to it meanwhile
            freeze_days(connection, since, min(end, before))
            forget_twins(connection)
            found = connection.execute(old, {"moment": midnight(before)}).rowcount
        if found:
            yield called
    with store.reading() as connection:
        months = [month for month in months_there(connection) if month < before]
    for month in months:
        with store.writing() as connection:
            begin_change(connection)
            be_alone(connection)
            connection.execute(text(f"lock table only {comment_emotion.name} in access exclusive mode"))
            freeze_days(connection, month, next_month(month))
            forget_twins(connection)
            connection.execute(text(f"drop table if exists {partition_of(month)}"))
        yield f"{month:%Y-%m}"


def _delete_months(store: Store, before: date) -> Iterator[str]:
    created_at = comment_emotion.c.created_at
    while True:
        with store.writing() as connection:
            first = connection.scalar(select(func.min(created_at)))
            if first is None or first >= midnight(before):
                return
            end = min(next_month(first.date()), before)
            freeze_days(connection, first.date(), end)
            forget_twins(connection)
            connection.execute(delete(comment_emotion).where(created_at < midnight(end)))
        yield f"{first:%Y-%m}"
