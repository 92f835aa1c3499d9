"""A role of PostgreSQL that may read results and no texts: what dashboards, and who only looks, log in as."""

from typing import Any, Final

from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import inspect, text

from moodmill.db.core.errors import StoreError
from moodmill.db.database.schema import (
    comment_emotion,
    dirty_period,
    frozen_day,
    lake,
    lake_file,
    model,
    model_threshold,
    rollup_day,
    rollup_emotion_pair_day,
    rollup_subreddit_day,
    rollup_subreddit_month,
)
from moodmill.db.database.store import Store

#: Milliseconds that a query of the role may take: nobody waits longer for a dashboard.
STATEMENT_MS: Final = 60_000
#: PostgreSQL advisory lock under which one process at a time makes roles: they are the server's, not a database's.
ROLE_LOCK: Final = 0x6D6F6F65

_MAY_MORE: Final = text(
    "select rolsuper or rolcreaterole or rolname = current_user from pg_roles where rolname = :role"
)

_CREATE: Final = SQL("create role {role}")
_STATEMENTS: Final = (
    SQL("alter role {role} login password {hashed}"),
    SQL("alter role {role} set default_transaction_read_only = on"),
    SQL("alter role {role} set statement_timeout = {limit}"),
    SQL("alter role {role} in database {database} set search_path = {schema}"),
    SQL("grant usage on schema {schema} to {role}"),
    SQL("grant select on {readable} to {role}"),
    SQL("grant select ({columns}) on comment_emotion to {role}"),
)
#: Tables that say nothing of anybody: what `moodmill results` and `moodmill explore` ask besides the views.
_TABLES: Final = (
    *(table.name for table in (rollup_day, rollup_subreddit_day, rollup_subreddit_month, rollup_emotion_pair_day)),
    *(table.name for table in (dirty_period, frozen_day, model, model_threshold, lake, lake_file)),
    "alembic_version",
)


def grant_reader(store: Store, role: str, password: str) -> None:
    """Make a role, or give one that is there this password, and let it read the views, the roll-ups, and comments.

    Of comments it reads all but their texts, of runs and dead letters nothing.

    A view that a migration made anew has no readers: this is for after each upgrade. Raises StoreError where the store
    has no roles, and of a role that may do more than read.
    """
    if store.is_sqlite:
        raise StoreError(
            f"{store.shown} is an SQLite file, which has no roles: who may read the file may read all of it"
        )
    with store.writing() as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ROLE_LOCK})
        may_more = connection.scalar(_MAY_MORE, {"role": role})
        if may_more:
            raise StoreError(f"the role {role!r} of {store.shown} may do more than read: name another one")
        driver: Any = connection.connection.driver_connection
        # Hashed here: the server may log statements.
        hashed = driver.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        database, schema = connection.execute(text("select current_database(), current_schema()")).one()
        readable = sorted(inspect(connection).get_view_names()) + sorted(_TABLES)
        columns = [column.name for column in comment_emotion.c if column.name not in ("text", "text_hash")]
        parts = {
            "role": Identifier(role),
            "hashed": Literal(hashed),
            "limit": Literal(STATEMENT_MS),
            "database": Identifier(database),
            "schema": Identifier(schema),
            "readable": SQL(", ").join(map(Identifier, readable)),
            "columns": SQL(", ").join(map(Identifier, columns)),
        }
        for statement in _STATEMENTS if may_more is not None else (_CREATE, *_STATEMENTS):
            driver.execute(statement.format(**parts))
