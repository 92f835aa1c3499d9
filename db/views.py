"""The views dashboards read: derived values, never stored twice."""

from db.emotions import EMOTIONS

_ROW = "c.comment_id, c.model, c.source, c.subreddit, c.author, c.created_at"
_PROBABILITY = "case t.emotion " + " ".join(f"when '{name}' then c.{name}" for name in EMOTIONS) + " end"


def _top_emotion(dialect: str) -> str:
    greatest = "max" if dialect == "sqlite" else "greatest"  # SQLite's max of several arguments is SQL's greatest
    columns = ", ".join(f"c.{name}" for name in EMOTIONS)
    cases = " ".join(f"when m.{name} = m.probability then '{name}'" for name in EMOTIONS)
    return f"""
        create view comment_top_emotion as
        select m.comment_id, m.model, m.source, m.subreddit, m.author, m.created_at,
               case {cases} end as emotion, m.probability
        from (select {_ROW}, {columns}, {greatest}({columns}) as probability from comment_emotion c) m
    """  # noqa: S608 - built from the constant names of the emotions alone


def _long_form() -> str:
    return f"""
        create view comment_emotion_long as
        select {_ROW}, t.emotion, t.emotion_group, {_PROBABILITY} as probability, t.threshold
        from comment_emotion c join model_threshold t on t.model = c.model
    """  # noqa: S608 - built from the constant names of the emotions alone


def create_views(dialect: str) -> list[str]:
    """Return the statements that create every view, for a migration to run; `dialect` is SQLAlchemy's name of it.

    comment_top_emotion: the most probable emotion of each comment; comment_emotion_long: a row a comment and
    emotion; comment_label: of these, the ones above the model's threshold.
    """
    label = "create view comment_label as select * from comment_emotion_long where probability > threshold"
    return [_top_emotion(dialect), _long_form(), label]


def create_rollup_views() -> list[str]:
    """Return the statements that create the views of the roll-ups, for a migration to run.

    emotion_by_day, emotion_by_subreddit_day, emotion_by_subreddit_month: a row a period and emotion, with the number of
    comments, how many of them are above the model's threshold, and the mean probability.
    """
    return [
        _of_rollup("emotion_by_day", "rollup_day", "day"),
        _of_rollup("emotion_by_subreddit_day", "rollup_subreddit_day", "day, r.subreddit"),
        _of_rollup("emotion_by_subreddit_month", "rollup_subreddit_month", "month, r.subreddit"),
    ]


def _of_rollup(view: str, table: str, key: str) -> str:
    above = " ".join(f"when '{name}' then r.above_{name}" for name in EMOTIONS)
    total = " ".join(f"when '{name}' then r.sum_{name}" for name in EMOTIONS)
    return f"""
        create view {view} as
        select r.model, r.{key}, t.emotion, t.emotion_group, r.comments,
               case t.emotion {above} end as above, case t.emotion {total} end / r.comments as mean
        from {table} r join model_threshold t on t.model = r.model
    """  # noqa: S608 - built from constant names alone
