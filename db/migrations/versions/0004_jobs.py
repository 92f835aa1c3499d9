"""Jobs of the schedule: when they ran, what came of it, and which runs they made."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.database.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("alive_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.CheckConstraint("state in ('running', 'succeeded', 'failed', 'stopped', 'lost')", name="job_run_state"),
    )
    running = sa.text("state = 'running'")
    op.create_index("job_run_running", "job_run", ["job"], unique=True, sqlite_where=running, postgresql_where=running)
    op.create_index("job_run_by_start", "job_run", ["job", "started_at"])
    op.create_table(
        "job_label",
        sa.Column("run_id", sa.Text, sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
    )
