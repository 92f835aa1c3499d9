"""The schema of the first release."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import UtcDateTime
from moodmill.db.results.partitions import create_first_partitions

#: Not 0001: stores of before the first release have had revisions up to 0011.
revision = "0100"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "comment_emotion",
        sa.Column("comment_id", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subreddit", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("created_at", UtcDateTime),
        *(sa.Column(emotion, sa.REAL, nullable=False) for emotion in EMOTIONS),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("text_hash", sa.Integer),
        sa.Column("segments", sa.Integer),
        sa.Column("unsupported", sa.Text),
        postgresql_partition_by="range (created_at)",
    )
    op.create_index("comment_emotion_by_subreddit", "comment_emotion", ["subreddit", "created_at"])
    op.create_index("comment_emotion_by_time", "comment_emotion", ["created_at"])
    op.create_index(
        "comment_emotion_key",
        "comment_emotion",
        ["comment_id", "model", "created_at"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    if op.get_bind().dialect.name == "sqlite":  # to which no unknown time is like another
        op.create_index(
            "comment_emotion_undated_key",
            "comment_emotion",
            ["comment_id", "model"],
            unique=True,
            sqlite_where=sa.text("created_at is null"),
        )
    else:
        for statement in create_first_partitions():
            op.execute(statement)
    op.create_table(
        "dirty_period",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("grain", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("start", sa.Date),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("dirty_period_by_start", "dirty_period", ["grain", "model", "start"])
    op.create_table(
        "frozen_day",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.PrimaryKeyConstraint("model", "day"),
    )
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("alive_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.CheckConstraint("state in ('running', 'succeeded', 'failed', 'stopped', 'lost')", name="job_run_state"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("job_run_by_start", "job_run", ["job", "started_at"])
    op.create_index(
        "job_run_running",
        "job_run",
        ["job"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_table(
        "model",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index(
        "model_active",
        "model",
        ["active"],
        unique=True,
        sqlite_where=sa.text("active"),
        postgresql_where=sa.text("active"),
    )
    op.create_table(
        "model_threshold",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("emotion", sa.Text, nullable=False),
        sa.Column("emotion_group", sa.Text, nullable=False),
        sa.Column("threshold", sa.REAL, nullable=False),
        sa.PrimaryKeyConstraint("model", "emotion"),
    )
    op.create_table(
        "rollup_day",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("day", sa.Date),
        sa.Column("comments", sa.BigInteger, nullable=False),
        *(sa.Column(f"sum_{emotion}", sa.Double, nullable=False) for emotion in EMOTIONS),
        *(sa.Column(f"above_{emotion}", sa.BigInteger, nullable=False) for emotion in EMOTIONS),
    )
    op.create_index("rollup_day_key", "rollup_day", ["model", "day"], unique=True, postgresql_nulls_not_distinct=True)
    op.create_table(
        "rollup_subreddit_day",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("day", sa.Date),
        sa.Column("subreddit", sa.Text),
        sa.Column("comments", sa.BigInteger, nullable=False),
        *(sa.Column(f"sum_{emotion}", sa.Double, nullable=False) for emotion in EMOTIONS),
        *(sa.Column(f"above_{emotion}", sa.BigInteger, nullable=False) for emotion in EMOTIONS),
    )
    op.create_index(
        "rollup_subreddit_day_key",
        "rollup_subreddit_day",
        ["model", "day", "subreddit"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "rollup_subreddit_month",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("month", sa.Date),
        sa.Column("subreddit", sa.Text),
        sa.Column("comments", sa.BigInteger, nullable=False),
        *(sa.Column(f"sum_{emotion}", sa.Double, nullable=False) for emotion in EMOTIONS),
        *(sa.Column(f"above_{emotion}", sa.BigInteger, nullable=False) for emotion in EMOTIONS),
    )
    op.create_index(
        "rollup_subreddit_month_key",
        "rollup_subreddit_month",
        ["model", "month", "subreddit"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("passed_over", sa.Text),
        sa.Column("input_closed_at", UtcDateTime),
        sa.Column("alive_at", UtcDateTime),
        sa.Column("cancelled_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "job_label",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("watermark", sa.Text),
        sa.Column("reported", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "source",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("bytes_read", sa.BigInteger),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("layout", sa.Text),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id", "number"),
    )
    op.create_table(
        "chunk",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("source_number", sa.Integer, nullable=False),
        sa.Column("first", sa.BigInteger, nullable=False),
        sa.Column("stop", sa.BigInteger, nullable=False),
        sa.Column("records", sa.Integer, nullable=False),
        sa.Column("comments", sa.Integer, nullable=False),
        sa.Column("replay", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("classified", sa.Integer, nullable=False),
        sa.Column("new_rows", sa.Integer, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("done_at", UtcDateTime),
        sa.Column("tries", sa.Integer, server_default="0", nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("added_at", UtcDateTime),
        sa.CheckConstraint("state in ('pending', 'done', 'failed')", name="chunk_state"),
        sa.ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
        sa.PrimaryKeyConstraint("run_id", "number"),
    )
    op.create_index("chunk_by_state", "chunk", ["run_id", "state"])
    op.create_index(
        "chunk_left",
        "chunk",
        ["state", "added_at"],
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("source_number", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("replay_chunk", sa.Integer),
        sa.ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "source_number", "position", name="dead_letter_record"),
    )
    op.create_table(
        "note",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("chunk_number", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("example", sa.Text),
        sa.ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
        sa.PrimaryKeyConstraint("run_id", "chunk_number", "kind"),
    )
    op.create_table(
        "skipped",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("chunk_number", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
        sa.PrimaryKeyConstraint("run_id", "chunk_number", "reason"),
    )
