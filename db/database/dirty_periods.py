"""The days of which rows came, went or changed: their roll-ups are behind, until they are aggregated anew."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

from sqlalchemy import Connection, insert

from moodmill.db.database.schema import dirty_period


def invalidate_days(connection: Connection, model: str, times: Iterable[datetime | None]) -> None:
    """Note that comments of these times changed, in the transaction that changes them."""
    invalidate(connection, model, (moment and moment.astimezone(UTC).date() for moment in times))


def invalidate(connection: Connection, model: str, days: Iterable[date | None]) -> None:
    """Note that comments of these days changed; None is that of an unknown time."""
    marks = [{"grain": "day", "model": model, "start": day} for day in set(days)]
    if marks:
        connection.execute(insert(dirty_period), marks)
