"""Dead letters: written, and as people and replays ask for them: listed in flat memory, or a few, whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Column, Connection, Row, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from moodmill.db.core.comment import Comment
from moodmill.db.core.payload import kept_payload
from moodmill.db.database.schema import dead_letter, source
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import DeadLetter

#: Rows fetched at once.
_PAGE: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class ListedDeadLetter:
    """A dead letter without its payload."""

    id: int
    run: str
    source: str
    source_number: int
    #: The record's number in its source, from 0.
    position: int
    stage: str
    error: str


@dataclass(frozen=True, kw_only=True)
class StoredDeadLetter(ListedDeadLetter):
    """A dead letter, whole."""

    payload: str


def unclassified(comment: Comment, error: str) -> DeadLetter:
    """Return the dead letter of a comment that was read, and can not be classified or stored."""
    payload = kept_payload(msgspec.json.encode(comment).decode())
    return DeadLetter(position=comment.position, stage="classify", error=error, payload=payload)


def _upsert(statement: sqlite.Insert | postgresql.Insert) -> sqlite.Insert | postgresql.Insert:
    return statement.on_conflict_do_update(
        index_elements=["run_id", "source_number", "position"],
        set_={
            "error": statement.excluded.error,
            "stage": statement.excluded.stage,
            "payload": statement.excluded.payload,
            "replay_chunk": None,
        },
    )


#: By dialect: writes a letter, or its error anew.
_UPSERTS: Final = {
    dialect: _upsert(module.insert(dead_letter)) for dialect, module in (("sqlite", sqlite), ("postgresql", postgresql))
}


def record_dead_letters(connection: Connection, run_id: str, source_number: int, dead: Sequence[DeadLetter]) -> None:
    """Write dead letters; one for a record that has one already replaces its error."""
    if not dead:
        return
    now = datetime.now(UTC)
    rows = [{"run_id": run_id, "source_number": source_number, "created_at": now, **one.__dict__} for one in dead]
    connection.execute(_UPSERTS[connection.dialect.name], rows)


def set_errors(store: Store, errors: Mapping[int, str]) -> None:
    """Note why dead letters, by their ids, still are some."""
    rows = [{"letter": letter, "reason": reason} for letter, reason in errors.items()]
    if rows:
        changed = update(dead_letter).where(dead_letter.c.id == bindparam("letter"))
        with store.writing() as connection:
            connection.execute(changed.values(error=bindparam("reason")), rows)


def list_dead_letters(store: Store, run_id: str | None = None, ids: Sequence[int] = ()) -> Iterator[ListedDeadLetter]:
    """Yield dead letters by id without their payloads, in flat memory: all, those of a run, or of these ids."""
    columns = [column for column in dead_letter.c if column.name != "payload"]
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=_PAGE).execute(_letters(columns, run_id, ids))
        for row in rows:
            yield ListedDeadLetter(**_fields(row))


def dead_letters(
    store: Store, run_id: str | None = None, ids: Sequence[int] = (), replay_chunk: int | None = None
) -> list[StoredDeadLetter]:
    """Return dead letters by id: all, or those of a run, of these ids, in the hands of this chunk.

    Each payload may have 64 KiB: so ask for a few.
    """
    query = _letters([*dead_letter.c], run_id, ids)
    if replay_chunk is not None:
        query = query.where(dead_letter.c.replay_chunk == replay_chunk)
    with store.reading() as connection:
        return [StoredDeadLetter(**_fields(row), payload=row.payload) for row in connection.execute(query)]


def _letters(columns: Sequence[Column[Any]], run_id: str | None, ids: Sequence[int]) -> Select[Any]:
    named = (source.c.run_id == dead_letter.c.run_id) & (source.c.number == dead_letter.c.source_number)
    query = select(*columns, source.c.name).join(source, named).order_by(dead_letter.c.id)
    if run_id is not None:
        query = query.where(dead_letter.c.run_id == run_id)
    return query.where(dead_letter.c.id.in_(ids)) if ids else query


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "run": row.run_id,
        "source": row.name,
        "source_number": row.source_number,
        "position": row.position,
        "stage": row.stage,
        "error": row.error,
    }
