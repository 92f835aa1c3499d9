"""Letting old comments go, month by month; the roll-ups of their time stay. So a store has an end to its growth."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time

from sqlalchemy import delete, func, select, text

from db.partitions import EARLY, LATE, begin_change, months_there, next_month, part_of
from db.rollups import freeze, refresh
from db.schema import comment_emotion
from db.store import Store


def first_kept(today: date, months: int) -> date:
    """Return the first day that is kept where `months` are, that of `today` among them."""
    count = max(today.year * 12 + today.month - months, 12)
    return date(count // 12, count % 12 + 1, 1)


def prune(store: Store, before: date, on_month: Callable[[str], None] = lambda _: None) -> int:
    """Let the comments of before a month go; return of how many months, each of which `on_month` hears.

    The roll-ups are brought up to date first, and what they say of that time stays. Comments of an unknown time stay.
    Each month is a transaction of its own: what is not done when it is broken off is left to the next call.
    """
    before = before.replace(day=1)
    refresh(store)
    freeze(store, before)
    refresh(store)  # the months of what came in meanwhile
    done = 0
    for month in _delete_months(store, before) if store.is_sqlite else _drop_parts(store, before):
        on_month(month)
        done += 1
    return done


def _drop_parts(store: Store, before: date) -> Iterator[str]:
    for part, called in ((EARLY, "long before"), (LATE, "far ahead")):
        old = text(f"delete from {part} where created_at < :moment")  # noqa: S608 - a constant name
        with store.writing() as connection:
            found = connection.execute(old, {"moment": _midnight(before)}).rowcount
        if found:
            yield called
    with store.reading() as connection:
        months = [month for month in months_there(connection) if month < before]
    for month in months:
        with store.writing() as connection:
            begin_change(connection)
            connection.execute(text(f"drop table if exists {part_of(month)}"))
        yield f"{month:%Y-%m}"


def _delete_months(store: Store, before: date) -> Iterator[str]:
    created_at = comment_emotion.c.created_at
    while True:
        with store.writing() as connection:
            first = connection.scalar(select(func.min(created_at)))
            if first is None or first >= _midnight(before):
                return
            end = min(next_month(first.date()), before)
            connection.execute(delete(comment_emotion).where(created_at < _midnight(end)))
        yield f"{first:%Y-%m}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
