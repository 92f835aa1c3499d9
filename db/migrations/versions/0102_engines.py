"""Which engine a run has, and which one made a row: null of those that are older."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("engine", sa.Text))
    op.add_column("comment_emotion", sa.Column("engine", sa.Text))
