"""Comments to read: those in which an emotion is found, the clearest or the newest first."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, Select, Text, func, inspect, literal, select, text

from moodmill.db.analytics.findings import Finding, as_sql
from moodmill.db.analytics.results import comments_of, remarks, require_emotion
from moodmill.db.analytics.scope import Scope
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion, rollup_day
from moodmill.db.results.models import is_above, thresholds_of

Order = Literal["clearest", "newest"]
ORDERS: Final[tuple[Order, ...]] = ("clearest", "newest")
#: Comments among which the clearest are sought where there are more, and no index knows them: a second's work.
SOUGHT: Final = 200_000
#: Comments that are read for each that is shown: the texts of machines come again and again, and are shown once.
_READ: Final = 5
COLUMNS: Final = ("comment_id", "subreddit", "created_at", "probability", "emotions", "text", "link")
#: What is said where no text is there.
NO_TEXT: Final = "the store keeps no texts of these comments: `moodmill label --keep-text` on their source keeps them"
#: An id of Reddit's own, a number to the base of 36, of which Reddit shows the comment.
_REDDIT: Final = re.compile(r"[0-9a-z]{5,13}")
_MAY_READ: Final = text("select has_column_privilege('comment_emotion', 'text', 'select')")


def read_comments(
    connection: Connection, scope: Scope, emotion: str, *, order: Order = "clearest", most: int = 20, skip: int = 0
) -> Finding:
    """Return comments in which an emotion is found, without those that the model was not made for; equal texts once.

    `emotions` has all that are found in a comment, the clearest first. Of large stores, the clearest are sought among
    the newest SOUGHT comments of the scope, unless `moodmill db index` made an index of the emotion.
    """
    require_emotion(emotion)
    scope = scope.spelled(connection)
    thresholds = thresholds_of(connection, scope.model)
    query, said = _query(connection, scope, emotion, thresholds, order)
    query = query.limit(_READ * (skip + most))
    shown = _distinct(connection.execute(query).all())[skip : skip + most]
    if shown and not any(row.text for row in shown):
        said = [*said, NO_TEXT]
    return Finding(
        columns=COLUMNS,
        rows=[_as_row(row, emotion, thresholds) for row in shown],
        queries=(as_sql(connection, query),),
        remarks=(*said, *remarks(connection, scope)),
    )


def _query(
    connection: Connection, scope: Scope, emotion: str, thresholds: Mapping[str, float], order: Order
) -> tuple[Select[Any], list[str]]:
    """Return what asks for the comments, in order, and what is to be said of it."""
    rows, said = comment_emotion.c, list[str]()
    kept = rows.text if _may_read_texts(connection) else literal(None, Text).label("text")
    query = select(rows.comment_id, rows.subreddit, rows.created_at, *(rows[name] for name in EMOTIONS), kept)
    held = [scope.rows(), rows.unsupported.is_(None), is_above(emotion, thresholds[emotion])]
    is_dated = _is_dated(connection, scope)
    newest = [rows.created_at.desc()] if is_dated else []
    # Those of an unknown time are the newest to PostgreSQL, and the oldest to SQLite.
    of_time = [rows.created_at.is_not(None)] if is_dated else []
    if order == "newest":
        return query.where(*held, *of_time).order_by(*newest, rows.comment_id), said
    comments = _count(connection, scope)
    if comments > SOUGHT and not _is_indexed(connection, emotion):
        last = select(comment_emotion).where(scope.rows(), *of_time).order_by(*newest).limit(SOUGHT).subquery()
        query = select(*(last.c.get(column.name, column) for column in query.selected_columns))
        query = query.where(last.c.unsupported.is_(None), last.c[emotion] > thresholds[emotion])
        where = f"the newest {SOUGHT:,} of {comments_of(comments)}"
        said = [f"the clearest of {where}: `moodmill db index {emotion}` finds those of all"]
        return query.order_by(last.c[emotion].desc(), last.c.comment_id), said
    return query.where(*held).order_by(rows[emotion].desc(), rows.comment_id), said


def _may_read_texts(connection: Connection) -> bool:
    """Tell whether texts may be read: the role that dashboards log in as may not."""
    return connection.dialect.name == "sqlite" or bool(connection.scalar(_MAY_READ))


def _is_dated(connection: Connection, scope: Scope) -> bool:
    query = select(rollup_day.c.day).where(rollup_day.c.model == scope.model, rollup_day.c.day.is_not(None)).limit(1)
    return connection.scalar(query) is not None


def _is_indexed(connection: Connection, emotion: str) -> bool:
    name = f"{comment_emotion.name}_above_{emotion}"
    return any(index["name"] == name for index in inspect(connection).get_indexes(comment_emotion.name))


def _count(connection: Connection, scope: Scope) -> int:
    """Return how many comments a scope has."""
    table = scope.days
    return int(connection.scalar(select(func.sum(table.c.comments)).where(scope.sums(table))) or 0)


def _distinct(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows, of equal texts the first one."""
    found: dict[tuple[str | None, str], Row[Any]] = {}
    for row in rows:
        found.setdefault((row.text, "" if row.text else row.comment_id), row)
    return list(found.values())


def _as_row(row: Row[Any], emotion: str, thresholds: Mapping[str, float]) -> tuple[Any, ...]:
    values = {name: float(getattr(row, name)) for name in EMOTIONS}
    found = sorted((name for name in EMOTIONS if values[name] > thresholds[name]), key=lambda name: -values[name])
    at_reddit = f"https://www.reddit.com/api/info?id=t1_{row.comment_id}"
    return (
        row.comment_id,
        row.subreddit,
        row.created_at,
        values[emotion],
        ", ".join(f"{name} {values[name]:.2f}" for name in found),
        row.text,
        at_reddit if _REDDIT.fullmatch(row.comment_id) else None,
    )
