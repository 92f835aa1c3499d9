"""Which runs of a job its outcomes told of."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_label", sa.Column("told", sa.Boolean, nullable=False, server_default=sa.text("false")))
    op.execute("update job_label set told = true")
