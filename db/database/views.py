"""The views dashboards read: derived values, never stored twice. They show the active model.

Views are code, not state: each upgrade of a store puts those of this version in.
"""

from typing import Final

from sqlalchemy import Connection, text

from moodmill.db.core.emotions import EMOTIONS

#: Later ones read earlier ones.
VIEWS: Final = (
    "comment_top_emotion",
    "comment_emotion_long",
    "comment_label",
    "emotion_by_day",
    "emotion_by_subreddit_day",
    "emotion_by_subreddit_month",
)
_SHOWN = "(select m.name from model m where m.active)"
_ROW = "c.comment_id, c.model, c.source, c.subreddit, c.author, c.created_at"
#: The last column of what has a row a comment: `where unsupported is null` leaves out what the model was not made for.
_LAST = "c.unsupported"
_PROBABILITY = "case t.emotion " + " ".join(f"when '{name}' then c.{name}" for name in EMOTIONS) + " end"


def create_views(connection: Connection) -> None:
    """Create every view, or put it in the place of the one that is there.

    comment_top_emotion: the most probable emotion of each comment; comment_emotion_long: a row a comment and emotion;
    comment_label: of these, the ones above the model's threshold; all three say of what the model was not made for it
    (`unsupported`), the sums below count it as well. emotion_by_day, emotion_by_subreddit_day,
    emotion_by_subreddit_month: a row a period and emotion, with the number of comments, how many of them are above the
    model's threshold, and the mean probability.
    """
    dialect = connection.dialect.name
    for name, query in view_queries(dialect).items():
        if dialect == "sqlite":
            connection.execute(text(f"drop view if exists {name}"))
            connection.execute(text(f"create view {name} as {query}"))
        else:  # which would not drop one that somebody's own view reads
            connection.execute(text(f"create or replace view {name} as {query}"))


def view_queries(dialect: str) -> dict[str, str]:
    """Return the query of each view, those first that others read."""
    queries = (
        _top_emotion(dialect),
        _long_form(),
        "select * from comment_emotion_long where probability > threshold",
        _of_rollup("rollup_day", "day"),
        _of_rollup("rollup_subreddit_day", "day, r.subreddit"),
        _of_rollup("rollup_subreddit_month", "month, r.subreddit"),
    )
    return dict(zip(VIEWS, queries, strict=True))


def _top_emotion(dialect: str) -> str:
    greatest = "max" if dialect == "sqlite" else "greatest"  # SQLite's max of several arguments is SQL's greatest
    columns = ", ".join(f"c.{name}" for name in EMOTIONS)
    cases = " ".join(f"when m.{name} = m.probability then '{name}'" for name in EMOTIONS)
    return f"""
        select m.comment_id, m.model, m.source, m.subreddit, m.author, m.created_at,
               case {cases} end as emotion, m.probability, m.unsupported
        from (select {_ROW}, {columns}, {greatest}({columns}) as probability, {_LAST}
              from comment_emotion c where c.model = {_SHOWN}) m
    """  # noqa: S608 - built from the constant names of the emotions alone


def _long_form() -> str:
    return f"""
        select {_ROW}, t.emotion, t.emotion_group, {_PROBABILITY} as probability, t.threshold, {_LAST}
        from comment_emotion c join model_threshold t on t.model = c.model where c.model = {_SHOWN}
    """  # noqa: S608 - built from the constant names of the emotions alone


def _of_rollup(table: str, key: str) -> str:
    above = " ".join(f"when '{name}' then r.above_{name}" for name in EMOTIONS)
    total = " ".join(f"when '{name}' then r.sum_{name}" for name in EMOTIONS)
    return f"""
        select r.model, r.{key}, t.emotion, t.emotion_group, r.comments,
               case t.emotion {above} end as above, case t.emotion {total} end / r.comments as mean
        from {table} r join model_threshold t on t.model = r.model where r.model = {_SHOWN}
    """  # noqa: S608 - built from constant names alone
