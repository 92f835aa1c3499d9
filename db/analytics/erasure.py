"""Erases what somebody wrote, or single comments: their rows, dead letters, and what the roll-ups count of them."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, delete, or_, select

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.errors import RunError
from moodmill.db.core.lowered import lowered
from moodmill.db.core.names import author_key
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.schema import comment_emotion, dead_letter
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import Lake, lake_of
from moodmill.db.lake.manifest import ConflictError, files_there
from moodmill.db.ledger.ledger import add_skips
from moodmill.db.ledger.twins import forget_twins

_rows: Final = comment_emotion.c
_key: Final[Select[Any]] = select(_rows.model, _rows.created_at)
#: Why a record is skipped that was a dead letter of somebody who was erased.
ERASED: Final = "erased"


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What was erased."""

    comments: int
    dead_letters: int


def erase(store: Store, authors: Collection[str], comments: Collection[str]) -> Erased:
    """Erase all comments of some authors, however they are spelled, and those with some ids; of all models.

    The roll-ups of their days are added up anew, but for days whose comments were deleted before. In a lake they are
    gone for readers then, and from its folder once its garbage is collected (moodmill.db.lake.garbage).
    """
    keys = list(map(author_key, authors))
    spelled = [f"{before}{key}" for key in keys for before in ("", "@", "u/", "/u/", "user/", "/user/")]
    # Another text under the same id of a table is kept under one that begins so (moodmill.db.core.comment.other_id).
    others = [_rows.comment_id.startswith(f"{comment}~", autoescape=True) for comment in comments]
    of_these = or_(_rows.comment_id.in_(list(comments)), *others, lowered(_rows.author).in_(spelled))
    letters = _erase_letters(store, set(keys), set(comments))
    lake = lake_of(store)
    erased = _erase_rows(store, of_these) if lake is None else _erase_in_lake(lake, of_these)
    refresh(store)
    return Erased(comments=erased, dead_letters=letters)


def _erase_rows(store: Store, of_these: ColumnElement[bool]) -> int:
    with store.writing() as connection:
        found = connection.execute(_key.where(of_these)).all()
        connection.execute(delete(comment_emotion).where(of_these))
        _invalidate(connection, {(row.model, row.created_at) for row in found})
    return len(found)


def _erase_in_lake(lake: Lake, of_these: ColumnElement[bool]) -> int:
    """Write the files that hold any of the rows anew, without them, one at a time, until none that has come in does."""
    from moodmill.db.lake.merging import merge, rewrite  # brings pyarrow
    from moodmill.db.lake.reader import lake_reader

    erased = 0
    while True:
        merge(lake)
        with lake.store.reading() as connection:
            files = [file for file in files_there(connection) if file.merged]
        with lake_reader(lake.folder) as reader:
            holding = reader.holding(files, of_these) if files else []
            for file in holding:
                reader.show([file])
                held = {(row.model, row.created_at) for row in reader.execute(_key.where(of_these))}
                with suppress(ConflictError):  # others merge: it is looked for again
                    left = rewrite(lake, file.model, [file], of_these, partial(_invalidate, of=held)).rows
                    erased += file.rows - left
        if not holding:
            return erased


def _erase_letters(store: Store, authors: set[str], comments: set[str]) -> int:
    """Erase dead letters that hold the id or the author of any; their runs count them as skipped from then on."""
    with store.writing() as connection:
        forget_twins(connection)
        counted: Counter[str] = Counter()
        of = dead_letter.c
        letters = connection.execute(select(of.id, of.run_id, of.replay_chunk, of.payload)).all()
        for letter in letters:
            said = set(_strings(letter.payload))
            if said.isdisjoint(comments) and authors.isdisjoint(map(author_key, said)):
                continue
            if letter.replay_chunk is not None:
                raise RunError(f"dead letters of run {letter.run_id} are in a replay just now: let it finish")
            connection.execute(delete(dead_letter).where(of.id == letter.id))
            counted[letter.run_id] += 1
        for run_id, n in counted.items():
            add_skips(connection, run_id, ERASED, n)
    return sum(counted.values())


def _strings(payload: str) -> Iterator[str]:
    """Yield what may be an id or a name in a record: the texts of JSON, or else what stands between signs."""
    try:
        left = [json.loads(payload)]
    except (ValueError, RecursionError):
        yield from re.findall(r"[^\s\"',;]+", payload)
        return
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _invalidate(connection: Connection, of: Collection[tuple[str, Any]]) -> None:
    for model in {model for model, _ in of}:
        invalidate_days(connection, model, (moment for its, moment in of if its == model))
