"""Writes what a chunk became: its result rows, its dead letters and "chunk done", in one transaction.

The rows go in by the fastest way each database has: `executemany` on the driver's connection for SQLite, binary COPY
for PostgreSQL; either is five to ten times as fast as SQLAlchemy's insert.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, bindparam, delete

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import ANOTHER_ID, ANOTHER_TEXT, Comment, under_other_id
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import StoreAwayError
from moodmill.db.core.unsupported import NOTES
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.faults import Fault, fault_of
from moodmill.db.database.schema import dead_letter
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import Lake, lake_in, lake_of
from moodmill.db.ledger import ledger
from moodmill.db.ledger.dead_letters import record_dead_letters, unclassified
from moodmill.db.ledger.entries import DeadLetter, Note
from moodmill.db.ledger.twins import copy_notes, find_twin
from moodmill.db.results.copy import copy_rows
from moodmill.db.results.identity import find_other_texts, sqlite_time
from moodmill.db.results.known import KnownComment, fill_texts
from moodmill.db.results.partitions import UNDATED, make_months
from moodmill.db.results.refusals import find_refused
from moodmill.db.results.replacement import replace_rows

#: Tries to store a chunk, but for the last: one may find that a month is missing, another that rows are refused.
_TRIES: Final = 2
#: SQLSTATE of a row that no part of a partitioned table takes.
_CHECK_VIOLATION: Final = "23514"
#: Deletes the dead letters that a chunk replayed.
_REPLAYED: Final = delete(dead_letter).where(
    dead_letter.c.run_id == bindparam("run"), dead_letter.c.replay_chunk == bindparam("chunk")
)
COLUMNS = (
    "comment_id", "model", "engine", "source", "subreddit", "author", "created_at", "text", "unsupported", *EMOTIONS,
    "tokens", "truncated", "text_hash", "segments",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of the comments that were to be stored."""

    #: Rows that were added.
    new_rows: int
    #: The comments that have a row now, or had one with the same text before. The others have an id with another text.
    kept: Sequence[Comment]
    #: Of the kept ones, those under another id, as their own has another text.
    other_ids: Sequence[str] = ()
    #: Rows that were there, by another precision.
    replaced: int = 0


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a chunk became."""

    #: What of it the database took.
    classified: Classified
    dead: Sequence[DeadLetter]


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What a worker made of a chunk."""

    run_id: str
    number: int
    source_number: int
    classified: Classified
    dead: Sequence[DeadLetter]
    known: Sequence[KnownComment]

    def without(self, refused: Mapping[int, str]) -> "_Outcome":
        """Return it with dead letters in the place of comments whose rows are refused, by their reasons."""
        comments = self.classified.comments
        dead = [unclassified(comments[row], f"the store refuses it: {reason}") for row, reason in refused.items()]
        left = [row for row in range(len(comments)) if row not in refused]
        return replace(self, classified=self.classified.take(left), dead=[*self.dead, *dead])


def store_chunk(
    store: Store,
    run_id: str,
    number: int,
    source_number: int,
    classified: Classified,
    dead: Sequence[DeadLetter] = (),
    known: Sequence[KnownComment] = (),
) -> Stored | None:
    """Store a chunk's outcome and mark it done; return None, and change nothing, where it was done already.

    `known` are the comments of it that have a row already: they are counted as if they had been classified again.
    A comment whose row the database refuses becomes a dead letter.
    """
    outcome = _Outcome(
        run_id=run_id, number=number, source_number=source_number, classified=classified, dead=dead, known=known
    )
    lake = lake_of(store)
    return _store_in_table(store, outcome) if lake is None else _store_in_lake(lake, outcome)


def _store_in_table(store: Store, outcome: _Outcome) -> Stored | None:
    for _ in range(_TRIES):
        try:
            return _store_once(store, outcome)
        except Exception as error:
            if fault_of(error) is not Fault.REFUSED:
                raise
            # The first comments of a month: rare enough to begin again for them, instead of asking before each chunk.
            if not store.is_sqlite:
                with store.writing() as connection:
                    make_months(connection, (comment.created_at for comment in outcome.classified.comments))
            if _misses_month(error):
                continue
            refused = find_refused(store, outcome.classified, write_rows)
            if not refused:
                raise
            outcome = outcome.without(refused)
    return _store_once(store, outcome)


def _misses_month(error: Exception) -> bool:
    is_violation = getattr(error, "sqlstate", None) == _CHECK_VIOLATION  # psycopg's, which SQLite does without
    return is_violation and getattr(error, "diag").table_name == UNDATED  # noqa: B009


def _store_once(store: Store, outcome: _Outcome) -> Stored | None:
    classified = outcome.classified
    with store.writing() as connection:
        if ledger.is_done(connection, outcome.run_id, outcome.number):
            return None
        written = write_rows(connection, classified)
        if classified.keep_text:
            fill_texts(connection, classified.model, outcome.known)
        # Asked now that the table is locked: who begins a lake locks it, too, and one of both sees the other.
        if lake_in(store, connection) is not None:
            raise StoreAwayError(f"the store {store.shown} has its rows in a lake by now")
        _finish(connection, outcome, written)
    return Stored(classified=classified, dead=outcome.dead)


def _store_in_lake(lake: Lake, outcome: _Outcome) -> Stored | None:
    """Store all rows, whatever others there are: which of a comment's rows counts is seen where they are read."""
    from moodmill.db.lake.writer import ChunkRows, writer_of  # brings pyarrow

    run_id, number, classified = outcome.run_id, outcome.number, outcome.classified
    written = Written(new_rows=len(classified.comments), kept=classified.comments)

    def finish(connection: Connection) -> None:
        _finish(connection, outcome, written)
        twin = find_twin(connection, run_id, number, classified.model) if outcome.known else None
        if twin is not None:
            copy_notes(connection, twin, run_id, number, list(NOTES))

    chunk = ChunkRows(run_id=run_id, number=number, classified=classified, finish=finish)
    return Stored(classified=classified, dead=outcome.dead) if writer_of(lake).write(chunk) else None


def _finish(connection: Connection, outcome: _Outcome, written: Written) -> None:
    """Mark a chunk done, and write down what its comments became, in the transaction that has their rows."""
    run_id, number, classified, known = outcome.run_id, outcome.number, outcome.classified, outcome.known
    if written.new_rows or written.replaced:
        invalidate_days(connection, classified.model, (comment.created_at for comment in written.kept))
    # Takes those that died again out of the replay.
    record_dead_letters(connection, run_id, outcome.source_number, outcome.dead)
    connection.execute(_REPLAYED, {"run": run_id, "chunk": number})
    ledger.finish(
        connection,
        run_id,
        number,
        classified=len(written.kept) + len(known),
        new_rows=written.new_rows,
        skipped_by={ANOTHER_TEXT: len(classified.comments) - len(written.kept)},
        notes={**_note_other_ids(written, known), **_note_unsupported(classified, written, known)},
    )


def _note_other_ids(written: Written, known: Sequence[KnownComment]) -> dict[str, Note]:
    """Count the comments that are kept under another id."""
    others = [*written.other_ids, *(one.comment.id for one in known if one.is_under_other_id)]
    return {ANOTHER_ID: Note(n=len(others), example=min(others, default=None))}


def _note_unsupported(classified: Classified, written: Written, known: Sequence[KnownComment]) -> dict[str, Note]:
    """Count the comments with a row on which the model is not to be trusted."""
    kept = {comment.position for comment in written.kept}
    found = zip(classified.comments, classified.unsupported, strict=True)
    counted = Counter(reason for comment, reason in found if reason and comment.position in kept)
    counted.update(one.unsupported for one in known if one.unsupported)
    return {kind: Note(n=counted[reason]) for kind, reason in NOTES.items()}


def write_rows(connection: Connection, classified: Classified) -> Written:
    """Add a row for each comment that this model has none of yet; where `replaces` says so, by its precision.

    One whose id has another text in the store, by the text's hash, has no row where ids are Reddit's own: the first
    text stays. Where they are a table's it is kept under another id; whatever comes first of some rows, and however
    often they come, each text of an id is there once.
    """
    if not classified.comments:
        return Written(new_rows=0, kept=())
    rows = _by_id(classified)
    new_rows, replaced, others = _add(connection, rows)
    if classified.ids == "reddit":
        return Written(new_rows=new_rows, replaced=replaced, kept=_without(rows.comments, others))
    other_ids: list[str] = []
    while others:
        rows = _by_id(_under_other_ids(rows.take(others)))
        added, changed, others = _add(connection, rows)
        new_rows, replaced = new_rows + added, replaced + changed
        # Another row may have such an id by itself, with yet another text: then the next one is tried.
        other_ids += [comment.id for comment in _without(rows.comments, others)]
    return Written(new_rows=new_rows, replaced=replaced, kept=classified.comments, other_ids=other_ids)


def _add(connection: Connection, rows: Classified) -> tuple[int, int, list[int]]:
    """Add the rows that are not there; return how many, how many replaced others, and where another text is there."""
    added = _insert(connection, rows)
    # Mostly all are new, and nothing is to be looked up. A row that was there shows in the number alone.
    if added == len(rows.comments):
        return added, 0, []
    replaced = replace_rows(connection, rows) if rows.replaces else 0
    return added, replaced, find_other_texts(connection, rows)


def _by_id(classified: Classified) -> Classified:
    """Sort by id: two transactions that add the same rows then lock them in the same order, and none waits for ever.

    Of one id the first comes first.
    """
    comments = classified.comments
    return classified.take(sorted(range(len(comments)), key=lambda row: comments[row].id))


def _under_other_ids(classified: Classified) -> Classified:
    return replace(classified, comments=[under_other_id(comment) for comment in classified.comments])


def _without(comments: Sequence[Comment], rows: Sequence[int]) -> list[Comment]:
    left_out = set(rows)
    return [comment for row, comment in enumerate(comments) if row not in left_out]


def _insert(connection: Connection, classified: Classified) -> int:
    """Add the rows whose key is not there; return how many."""
    if connection.dialect.name == "sqlite":
        return _executemany(connection, classified)
    return copy_rows(connection, classified, COLUMNS)


def _executemany(connection: Connection, classified: Classified) -> int:
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    places, engine = ", ".join("?" * len(COLUMNS)), str(classified.engine)
    rows = (
        (
            comment.id,
            classified.model,
            engine,
            classified.source,
            comment.subreddit,
            comment.author,
            sqlite_time(comment.created_at),
            comment.text if classified.keep_text else None,
            unsupported,
            *probabilities,
            tokens,
            truncated,
            text_hash,
            segments,
        )
        for comment, unsupported, probabilities, tokens, truncated, text_hash, segments in zip(
            classified.comments,
            classified.unsupported,
            classified.probabilities.tolist(),
            classified.tokens.tolist(),
            classified.truncated.tolist(),
            classified.text_hashes,
            classified.segments.tolist(),
            strict=True,
        )
    )
    cursor = driver.executemany(
        f"insert into comment_emotion ({', '.join(COLUMNS)}) values ({places}) on conflict do nothing",  # noqa: S608
        rows,
    )
    return int(cursor.rowcount)
