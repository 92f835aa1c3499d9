"""Comments to read: those in which an emotion is found, the clearest or the newest first."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, Text, func, inspect, literal, select
from sqlalchemy import text as sql

from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.results import remarks, require_comments, require_emotion
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.top_examples import Example
from moodmill.db.analytics.words import has_index, matches, parse
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.db.core.text import shortened
from moodmill.db.database.schema import comment_emotion, frozen_day
from moodmill.db.results.models import is_above, thresholds_of
from moodmill.db.results.row_reader import RowReader

Order = Literal["clearest", "newest"]
#: Comments among which some are sought where there are more, and no index knows them: a second's work.
SOUGHT: Final = 200_000
#: Comments with some words among which the clearest are sought: the newest of them.
MATCHED: Final = 2_000
#: Of the newest comments, how many are looked at to tell whether words are frequent, and from which share on they are.
_PROBED: Final = 1_000
_FREQUENT: Final = 0.1
#: Comments that are read for each that is shown: the texts of machines come again and again, and are shown once.
_READ: Final = 5
#: Comments that are read at most: some 10 MB.
_MOST_READ: Final = 10_000
#: Characters of a text that an example shows.
_SHOWN: Final = 400
COLUMNS: Final = ("comment_id", "subreddit", "created_at", "probability", "emotions", "text", "link")
#: What is said where no text is there.
NO_TEXT: Final = "the store keeps no texts of these comments: `moodmill label --keep-text` on their source keeps them"
#: What is said where this role of the database is not to read them.
NOT_ALLOWED: Final = "the role that the store is read as may not read texts"
#: What an id of Reddit's own looks like, a number to the base of 36: there it shows the comment.
_REDDIT: Final = re.compile(r"[a-z][0-9a-z]{1,9}")
_MAY_READ: Final = sql("select has_column_privilege('comment_emotion', 'text', 'select')")


def read_comments(
    connection: Connection,
    scope: Scope,
    emotion: str,
    *,
    words: str = "",
    order: Order = "clearest",
    most: int = 20,
    skip: int = 0,
) -> Finding:
    """Return comments in which an emotion is found, without those that the model was not made for; equal texts once.

    `words` are looked for in texts that the store keeps, as moodmill.db.analytics.words says. `emotions` has all that
    are found in a comment, the clearest first. Of large stores, comments are sought among the newest SOUGHT of the
    scope, unless `moodmill db index` made an index of the emotion, or of the texts. Raises SettingError where the scope
    holds no comment, and where words are asked for of a role that may not read texts.
    """
    require_emotion(emotion)
    scope = scope.spelled(connection)
    with scope.reading(connection) as reader:
        return _read_comments(connection, reader, scope, emotion, words, order, most, skip)


def _read_comments(
    connection: Connection,
    reader: RowReader,
    scope: Scope,
    emotion: str,
    words: str,
    order: Order,
    most: int,
    skip: int,
) -> Finding:
    rows, thresholds, with_text = comment_emotion.c, thresholds_of(connection, scope.model), _may_read(reader)
    if words and not with_text:
        raise SettingError(f"words are looked for in texts, and {NOT_ALLOWED}")
    text = rows.text if with_text else literal(None, Text).label("text")
    columns = [rows.comment_id, rows.subreddit, rows.created_at, *(rows[name] for name in EMOTIONS), text]
    held = [scope.rows(), rows.unsupported.is_(None), is_above(emotion, thresholds[emotion])]
    query, said = _ordered(connection, reader, scope, select(*columns).where(*held), emotion, words, order)
    query, found = _read_distinct(reader, query, skip + most)
    if len(found) == _MOST_READ:
        said.append(f"of the first {_MOST_READ:,} comments: most have equal texts, which are shown once")
    if found and getattr(found[0], "matched", 0) == MATCHED:
        said.append(f"the clearest of the newest {MATCHED:,} with these words")
    shown = _distinct(found)[skip : skip + most]
    said += _deleted(connection, scope)
    if not shown:
        require_comments(connection, scope)
    elif not any(row.text for row in shown):
        said.append(NO_TEXT if with_text else NOT_ALLOWED)
    return Finding(
        columns=COLUMNS,
        rows=[_as_row(row, emotion, thresholds) for row in shown],
        queries=(reader.as_sql(query),),
        remarks=(*said, *remarks(connection, scope)),
    )


def _ordered(
    connection: Connection,
    reader: RowReader,
    scope: Scope,
    query: Select[Any],
    emotion: str,
    words: str,
    order: Order,
) -> tuple[Select[Any], list[str]]:
    """Put the comments that a query asks for in order, those with the words; return what is to be said of it."""
    rows, said = comment_emotion.c, list[str]()
    newest = [rows.created_at.desc()] if _is_dated(connection, scope) else []
    if words:
        query = query.where(_with_words(reader, scope, words, newest))
    if newest and order == "newest":
        # Those of an unknown time are the newest to PostgreSQL, and the oldest to SQLite.
        query = query.where(rows.created_at.is_not(None))
    index = _index_needed(reader, emotion, words, order)
    since = _newest(reader, scope) if newest and index else None
    if since is not None:
        query = query.where(rows.created_at > since)
        said.append(f"of the newest {SOUGHT:,} comments, after {since:%Y-%m-%d %H:%M}: `{index}` finds those of all")
    if order == "newest":
        return query.order_by(*newest, rows.comment_id), said
    if words and not index:
        # A frequent word is in half of all comments: its newest are found by time, and not all are looked at.
        last = query.order_by(*newest, rows.comment_id).limit(MATCHED).subquery()
        query = select(last, func.count().over().label("matched"))
        return query.order_by(last.c[emotion].desc(), last.c.comment_id), said
    return query.order_by(rows[emotion].desc(), rows.comment_id), said


def as_finding(examples: Sequence[Example]) -> Finding:
    """Return examples of an emotion as `read_comments` has them; long texts are cut."""
    rows = [
        (
            one.comment_id,
            one.subreddit,
            one.created_at,
            one.probability,
            "",
            one.text and shortened(one.text, _SHOWN),
            _link(one.comment_id),
        )
        for one in examples
    ]
    said = (NO_TEXT,) if rows and not any(one.text for one in examples) else ()
    return Finding(columns=COLUMNS, rows=rows, queries=(), remarks=said)


def _read_distinct(reader: RowReader, query: Select[Any], wanted: int) -> tuple[Select[Any], Sequence[Row[Any]]]:
    """Read comments until so many have different texts, or there are no more, or too many are read already."""
    limit = _READ * wanted
    while True:
        limit = min(limit, _MOST_READ)
        found = reader.execute(query.limit(limit))
        if len(found) < limit or limit == _MOST_READ or len(_distinct(found)) >= wanted:
            return query.limit(limit), found
        limit *= _READ


def _with_words(
    reader: RowReader, scope: Scope, words: str, newest: Sequence[ColumnElement[Any]]
) -> ColumnElement[bool]:
    """Return the condition that texts hold some words, in the form that finds the newest of them fastest."""
    phrases, connection = parse(words), reader.connection
    if connection is None or connection.dialect.name == "sqlite" or not has_index(connection) or not newest:
        return matches(connection, phrases)
    # Or it remembers pages in place of rows where these are many, and reads the words of each text on them again.
    connection.execute(sql("set local work_mem = '64MB'"))
    held = matches(connection, phrases, frequent=True)
    probed = select(held.label("held")).where(scope.rows()).order_by(*newest).limit(_PROBED).subquery()
    found = connection.scalar(select(func.count()).select_from(probed).where(probed.c.held)) or 0
    return held if found >= _FREQUENT * _PROBED else matches(connection, phrases)


def _index_needed(reader: RowReader, emotion: str, words: str, order: Order) -> str | None:
    """Return the command that makes the index without which all rows would be read; None where none is missing.

    A lake has no indexes, and reads columns alone: it looks through ten times as many.
    """
    connection = reader.connection
    if connection is None:
        return None
    if words:
        return None if has_index(connection) else "moodmill db index --text"
    is_there = order == "newest" or _is_indexed(connection, emotion)
    return None if is_there else f"moodmill db index {emotion}"


def _deleted(connection: Connection, scope: Scope) -> list[str]:
    """Return what to say where comments of a scope were deleted, whose sums are still there."""
    day = frozen_day.c.day
    held = [frozen_day.c.model == scope.model]
    held += [day >= scope.since] if scope.since else []
    held += [day < scope.until] if scope.until else []
    days = int(connection.scalar(select(func.count()).select_from(frozen_day).where(*held)) or 0)
    named = "a day" if days == 1 else f"{days:,} days"
    return [f"the comments of {named} were deleted, by `moodmill db prune`"] if days else []


def _may_read(reader: RowReader) -> bool:
    """Tell whether texts may be read: the role that dashboards log in as may not."""
    connection = reader.connection
    return connection is None or connection.dialect.name == "sqlite" or bool(connection.scalar(_MAY_READ))


def _is_dated(connection: Connection, scope: Scope) -> bool:
    """Tell whether the time of any of these comments is known."""
    day = scope.days.c.day
    return connection.scalar(select(day).where(scope.sums(scope.days), day.is_not(None)).limit(1)) is not None


def _is_indexed(connection: Connection, emotion: str) -> bool:
    name = f"{comment_emotion.name}_above_{emotion}"
    return any(index["name"] == name for index in inspect(connection).get_indexes(comment_emotion.name))


def _newest(reader: RowReader, scope: Scope) -> datetime | None:
    """Return since when the newest SOUGHT comments of a scope are; None where it has no more."""
    moment = comment_emotion.c.created_at
    query = select(moment).where(scope.rows(), moment.is_not(None)).order_by(moment.desc())
    found: datetime | None = reader.scalar(query.offset(SOUGHT).limit(1))
    return found


def _distinct(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows, of equal texts the first one."""
    found: dict[tuple[str | None, str], Row[Any]] = {}
    for row in rows:
        found.setdefault((row.text, "" if row.text else row.comment_id), row)
    return list(found.values())


def _as_row(row: Row[Any], emotion: str, thresholds: Mapping[str, float]) -> tuple[Any, ...]:
    values = {name: float(getattr(row, name)) for name in EMOTIONS}
    found = sorted((name for name in EMOTIONS if values[name] > thresholds[name]), key=lambda name: -values[name])
    return (
        row.comment_id,
        row.subreddit,
        row.created_at,
        values[emotion],
        ", ".join(f"{name} {values[name]:.2f}" for name in found),
        row.text,
        _link(row.comment_id),
    )


def _link(comment_id: str) -> str | None:
    """Return where Reddit shows a comment; None where the id is none of Reddit's."""
    return f"https://www.reddit.com/api/info?id=t1_{comment_id}" if _REDDIT.fullmatch(comment_id) else None
