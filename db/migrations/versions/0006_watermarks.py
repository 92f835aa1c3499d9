"""Watermarks: up to which row of a table a job has come."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_label", sa.Column("watermark", sa.Text))
