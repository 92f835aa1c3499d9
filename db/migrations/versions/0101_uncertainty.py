"""What intervals are made of, and which emotions occur together, in the roll-ups.

All days are marked, so that the next refresh adds them up anew; those whose comments are gone keep what is known.
"""

import sqlalchemy as sa
from alembic import op

from moodmill.db.core.emotions import EMOTIONS

revision = "0101"
down_revision = "0100"
branch_labels = None
depends_on = None

_ROLLUPS = ("rollup_day", "rollup_subreddit_day", "rollup_subreddit_month")


def upgrade() -> None:
    for table in _ROLLUPS:
        for emotion in EMOTIONS:
            added = sa.Column(f"square_{emotion}", sa.Double, nullable=False, server_default=sa.text("0"))
            op.add_column(table, added)
        # No probability is above 1: its square is at most itself.
        known = ", ".join(f"square_{name} = sum_{name}" for name in EMOTIONS)
        op.execute(f"update {table} set {known}")  # noqa: S608 - constant names
    op.create_index("rollup_subreddit_day_by_subreddit", "rollup_subreddit_day", ["model", "subreddit", "day"])
    op.create_table(
        "rollup_emotion_pair_day",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("day", sa.Date),
        sa.Column("emotion", sa.Text, nullable=False),
        sa.Column("other", sa.Text, nullable=False),
        sa.Column("comments", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "rollup_emotion_pair_day_key",
        "rollup_emotion_pair_day",
        ["model", "day", "emotion", "other"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.execute(
        "insert into dirty_period (grain, model, start) select 'day', r.model, r.day from rollup_day r where not exists"
        " (select 1 from frozen_day f where f.model = r.model and f.day = r.day)"
    )
