"""How a text was read: in how many segments, and whether the model was made for it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null in the rows that are there: no row is written anew, in either database.
    op.add_column("comment_emotion", sa.Column("segments", sa.Integer))
    op.add_column("comment_emotion", sa.Column("unsupported", sa.Text))
