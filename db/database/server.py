"""What the server of a store has to be set to, and what a role has to be allowed there."""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import Connection, text

from moodmill.db.core.errors import StoreError
from moodmill.db.database.schema import comment_emotion

#: What holds any comment.
ENCODING: Final = "UTF8"
#: With any of these off, a power cut or a crash of the system may cost the whole database, and not its last moments.
_MUST_BE_ON: Final = ("fsync", "full_page_writes")


def require_encoding(connection: Connection, shown: str) -> None:
    """Raise StoreError where a database cannot hold any character; `shown` is what people know the store by."""
    if connection.dialect.name == "sqlite":
        return
    found = connection.scalar(text("select getdatabaseencoding()::text"))
    if found != ENCODING:
        raise StoreError(
            f"the database {shown} has the encoding {found}, which does not hold every comment: name one in "
            f"DATABASE_URL that was made by `create database NAME encoding '{ENCODING}' template template0`"
        )


def rights_needed(connection: Connection) -> str | None:
    """Return what to do about rights that a role of PostgreSQL lacks; None where it has all that a run needs."""
    asked = text("select current_user, current_schema(), has_schema_privilege(current_schema(), 'create')")
    role, schema, may_create = connection.execute(asked).one()
    if schema is None:
        return f"have {_quoted(role)} be granted usage and create on a schema of its search_path"
    if not may_create:
        return f"have its owner run `grant create on schema {_quoted(schema)} to {_quoted(role)}`"
    owned = text(
        "select pg_get_userbyid(relowner), pg_has_role(relowner, 'usage') from pg_class where oid = to_regclass(:name)"
    )
    owner = connection.execute(owned, {"name": comment_emotion.name}).one_or_none()
    if owner is not None and not owner[1]:  # who alone can add the part of a new month
        return f"its tables are {_quoted(owner[0])}'s: log in as that role, or have it granted to {_quoted(role)}"
    return None


def try_writing(connection: Connection) -> None:
    """Do what a run does to a store, in a transaction that is to be rolled back.

    Raises what the driver does, and StoreError where the role may write, but make no part for a new month.
    """
    connection.execute(text("create table moodmill_doctor (id integer)"))
    needed = None if connection.dialect.name == "sqlite" else rights_needed(connection)
    if needed is not None:
        raise StoreError(f"the role of the store may not do all that a run needs: {needed}")


def durability(connection: Connection) -> dict[str, str]:
    """Return what a server is set to that says what a crash may cost; nothing of SQLite, where it is set by us."""
    if connection.dialect.name == "sqlite":
        return {}
    asked = text("select name, setting from pg_settings where name = any(:names)")
    rows = connection.execute(asked, {"names": [*_MUST_BE_ON, "synchronous_commit"]})
    return {row.name: row.setting for row in rows}


def warn_of_loss(found: Mapping[str, str]) -> str | None:
    """Return what a crash may cost by these settings; None where nothing. Raises StoreError where it may cost all."""
    off = next((name for name in _MUST_BE_ON if found.get(name) == "off"), None)
    if off is not None:
        raise StoreError(f"the server has {off} = off: a power cut may cost the whole database; turn it on")
    if found.get("synchronous_commit") == "off":
        return "synchronous_commit = off: a crash of the server may cost chunks that count as done; turn it on"
    return None


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
