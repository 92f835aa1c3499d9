"""The first schema: runs and their chunks, results, skips, dead letters."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("options", sa.Text, nullable=False),
        sa.Column("sealed_at", UtcDateTime),
    )
    op.create_table(
        "source",
        sa.Column("run_id", sa.Text, sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("ended", sa.Boolean, nullable=False),
        sa.Column("error", sa.Text),
    )
    op.create_table(
        "chunk",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
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
        sa.ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
        sa.CheckConstraint("state in ('pending', 'done', 'failed')", name="chunk_state"),
    )
    op.create_index("chunk_by_state", "chunk", ["run_id", "state"])
    op.create_table(
        "skipped",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("chunk_number", sa.Integer, primary_key=True),
        sa.Column("reason", sa.Text, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
    )
    op.create_table(
        "dead_letter",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("source_number", sa.Integer, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("replay_chunk", sa.Integer),
        sa.ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
        sa.UniqueConstraint("run_id", "source_number", "position", name="dead_letter_record"),
    )
    op.create_table(
        "model_threshold",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("emotion", sa.Text, primary_key=True),
        sa.Column("emotion_group", sa.Text, nullable=False),
        sa.Column("threshold", sa.REAL, nullable=False),
    )
    op.create_table(
        "comment_emotion",
        sa.Column("comment_id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subreddit", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("created_at", UtcDateTime),
        *(sa.Column(name, sa.REAL, nullable=False) for name in EMOTIONS),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text),
    )
