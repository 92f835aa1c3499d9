"""The clock that all who share a store can go by: the server's; of an SQLite file, this machine's."""

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from moodmill.db.database.schema import UtcDateTime


def shared_now(connection: Connection) -> datetime:
    """Return what time it is, by the same clock on whatever machine."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    return connection.execute(select(func.clock_timestamp(type_=UtcDateTime))).scalar_one()
