"""The parts of `comment_emotion` in PostgreSQL: one for each month, made when its first comment comes.

A month can be dropped at once, and a query over some time reads its months only. SQLite has one table.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection, text

from moodmill.db.core.days import next_month
from moodmill.db.database.schema import comment_emotion

#: The first and the last year whose months have a part each. Times of a dump may be anything: those before and after
#: share one part, so that no dump makes a million of them.
FIRST_YEAR: Final = 1990
LAST_YEAR: Final = 2099
#: For comments of an unknown time. It refuses one that lands here because its month has no part yet.
UNDATED: Final = f"{comment_emotion.name}_undated"
EARLY: Final = f"{comment_emotion.name}_early"
LATE: Final = f"{comment_emotion.name}_late"
#: PostgreSQL advisory lock under which one transaction at a time makes or drops parts.
LOCK: Final = 0x6D6F6E74
#: A part is made or dropped when no query is under way that may read any; one that takes longer is waited for outside.
LOCK_TIMEOUT: Final = "5s"


def create_first_partitions() -> list[str]:
    """Return the statements that create the parts which are always there, for a migration to run."""
    return [
        f"create table {UNDATED} partition of {comment_emotion.name} default",
        f"alter table {UNDATED} add check (created_at is null)",
        f"create table {EARLY} partition of {comment_emotion.name} "
        f"for values from (minvalue) to ('{FIRST_YEAR}-01-01 00:00+00')",
        f"create table {LATE} partition of {comment_emotion.name} "
        f"for values from ('{LAST_YEAR + 1}-01-01 00:00+00') to (maxvalue)",
    ]


def partition_of(month: date) -> str:
    """Return the name of the table that holds a month, which is named by its first day."""
    return f"{comment_emotion.name}_{month:%Y_%m}"


def make_months(connection: Connection, times: Iterable[datetime | None]) -> None:
    """Make the parts that comments of these times need and that are not there.

    And those of the next months: so that comments which come in as they are written do not have to wait for a long
    query at the first of a month. Raises StoreError, by `Store.writing`, while such a query is under way.
    """
    days = {moment.astimezone(UTC).date() for moment in times if moment is not None}
    months = {day.replace(day=1) for day in days if FIRST_YEAR <= day.year <= LAST_YEAR}
    months |= {next_month(month) for month in months if next_month(month).year <= LAST_YEAR}
    begin_change(connection)
    for month in sorted(months):
        name = partition_of(month)
        if connection.scalar(text("select to_regclass(:name)"), {"name": name}) is None:
            # Attached, not created in place: others go on to read and write the months that are there.
            connection.execute(text(f"create table {name} (like {comment_emotion.name} including defaults)"))
            bounds = f"from ('{month} 00:00+00') to ('{next_month(month)} 00:00+00')"
            connection.execute(text(f"alter table {comment_emotion.name} attach partition {name} for values {bounds}"))


def months_there(connection: Connection) -> list[date]:
    """Return the months that have a part of their own, the first one first."""
    found = connection.scalars(
        text("select inhrelid::regclass::text from pg_inherits where inhparent = to_regclass(:name)"),
        {"name": comment_emotion.name},
    )
    named = (name.removeprefix(f"{comment_emotion.name}_").split("_") for name in found)
    return sorted(date(int(name[0]), int(name[1]), 1) for name in named if len(name) == 2)


def begin_change(connection: Connection) -> None:
    """Have this transaction be the only one that changes parts, and give up where it would have to wait for long."""
    connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK})
