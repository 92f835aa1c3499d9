"""Roll-ups by day and month, to be added up from the rows that are there."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from moodmill.db.core.emotions import EMOTIONS

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROLLUPS: dict[str, dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "rollup_subreddit_day": {"day": sa.Date, "subreddit": sa.Text},
    "rollup_day": {"day": sa.Date},
    "rollup_subreddit_month": {"month": sa.Date, "subreddit": sa.Text},
}
#: The day of a moment, in UTC.
DAY = {"sqlite": "date(created_at)", "postgresql": "cast(created_at at time zone 'UTC' as date)"}


def upgrade() -> None:
    op.create_index("comment_emotion_by_time", "comment_emotion", ["model", "created_at"])
    for name, key in ROLLUPS.items():
        op.create_table(
            name,
            sa.Column("model", sa.Text, nullable=False),
            *(sa.Column(column, kind) for column, kind in key.items()),
            sa.Column("comments", sa.BigInteger, nullable=False),
            *(sa.Column(f"sum_{emotion}", sa.Double, nullable=False) for emotion in EMOTIONS),
            *(sa.Column(f"above_{emotion}", sa.BigInteger, nullable=False) for emotion in EMOTIONS),
        )
        op.create_index(f"{name}_key", name, ["model", *key], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table(
        "rollup_mark",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("grain", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("start", sa.Date),
    )
    op.create_index("rollup_mark_period", "rollup_mark", ["grain", "model", "start"])
    dialect = op.get_bind().dialect.name
    op.execute(
        sa.text(
            f"insert into rollup_mark (grain, model, start) select distinct 'day', model, {DAY[dialect]} "  # noqa: S608
            "from comment_emotion"
        )
    )
