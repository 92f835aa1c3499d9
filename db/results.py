"""Writes what a chunk became: its result rows, its dead letters and "chunk done", in one transaction.

The rows go in by the fastest way each database has: `executemany` on the driver's connection for SQLite, binary COPY
for PostgreSQL; either is five to ten times as fast as SQLAlchemy's insert.
"""

from collections.abc import Sequence

from psycopg.errors import CheckViolation
from sqlalchemy import Connection, delete

from db import ledger
from db.classified import Classified
from db.copy import copy_rows
from db.emotions import EMOTIONS
from db.ledger import DeadLetter
from db.partitions import UNDATED, make_months
from db.rollups import mark_days
from db.schema import dead_letter
from db.store import Store

COLUMNS = (
    "comment_id", "model", "source", "subreddit", "author", "created_at", "text", *EMOTIONS, "tokens", "truncated",
)  # fmt: skip


def store_chunk(
    store: Store,
    run_id: str,
    number: int,
    source_number: int,
    classified: Classified,
    dead: Sequence[DeadLetter] = (),
) -> bool:
    """Store a chunk's outcome and mark it done; return False, and change nothing, where it was done already."""
    try:
        return _store_chunk(store, run_id, number, source_number, classified, dead)
    except CheckViolation as error:
        if error.diag.table_name != UNDATED:
            raise
    # The first comments of a month: rare enough to begin again for them, instead of asking before each chunk.
    with store.writing() as connection:
        make_months(connection, (comment.created_at for comment in classified.comments))
    return _store_chunk(store, run_id, number, source_number, classified, dead)


def _store_chunk(
    store: Store, run_id: str, number: int, source_number: int, classified: Classified, dead: Sequence[DeadLetter]
) -> bool:
    with store.writing() as connection:
        if ledger.is_done(connection, run_id, number):
            return False
        new_rows = write_rows(connection, classified)
        if new_rows:
            mark_days(connection, classified.model, (comment.created_at for comment in classified.comments))
        replayed = (dead_letter.c.run_id == run_id) & (dead_letter.c.replay_chunk == number)
        ledger.bury(connection, run_id, source_number, dead)  # takes those that died again out of the replay
        connection.execute(delete(dead_letter).where(replayed))
        ledger.finish(connection, run_id, number, classified=len(classified.comments), new_rows=new_rows)
    return True


def write_rows(connection: Connection, classified: Classified) -> int:
    """Add a row for each comment that this model has none of yet; return how many were added."""
    if not classified.comments:
        return 0
    ordered = _by_id(classified)
    if connection.dialect.name == "sqlite":
        return _executemany(connection, ordered)
    return copy_rows(connection, ordered, COLUMNS)


def _by_id(classified: Classified) -> Classified:
    """Sort by id: two transactions that add the same rows then lock them in the same order, and none waits for ever."""
    comments = classified.comments
    order = sorted(range(len(comments)), key=lambda row: comments[row].id)
    return Classified(
        comments=[comments[row] for row in order],
        probabilities=classified.probabilities[order],
        tokens=classified.tokens[order],
        truncated=classified.truncated[order],
        model=classified.model,
        source=classified.source,
        keep_text=classified.keep_text,
    )


def _executemany(connection: Connection, classified: Classified) -> int:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    places = ", ".join("?" * len(COLUMNS))
    rows = (
        (
            comment.id,
            classified.model,
            classified.source,
            comment.subreddit,
            comment.author,
            # the form in which SQLAlchemy writes and reads a DateTime in SQLite
            comment.created_at and comment.created_at.replace(tzinfo=None).isoformat(" ", "microseconds"),
            comment.text if classified.keep_text else None,
            *probabilities,
            tokens,
            truncated,
        )
        for comment, probabilities, tokens, truncated in zip(
            classified.comments,
            classified.probabilities.tolist(),
            classified.tokens.tolist(),
            classified.truncated.tolist(),
            strict=True,
        )
    )
    cursor = driver.executemany(
        f"insert into comment_emotion ({', '.join(COLUMNS)}) values ({places}) on conflict do nothing",  # noqa: S608
        rows,
    )
    return int(cursor.rowcount)
