"""Chunks count how often they were begun, and by whom."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunk", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
    op.add_column("chunk", sa.Column("worker", sa.Text))
