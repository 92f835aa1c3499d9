"""The days of which rows were added: their roll-ups are behind, until they are aggregated anew."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from moodmill.db.database.schema import dirty_period


def invalidate_days(connection: Connection, model: str, times: Iterable[datetime | None]) -> None:
    """Note that comments of these times were added, in the transaction that adds them."""
    days = {moment and moment.astimezone(UTC).date() for moment in times}
    if days:
        connection.execute(insert(dirty_period), [{"grain": "day", "model": model, "start": day} for day in days])
