"""When chunks were added and how far sources are read, for those who watch; an index for what they ask."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.database.schema import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chunk", sa.Column("added_at", UtcDateTime))
    op.add_column("source", sa.Column("bytes_read", sa.BigInteger))
    left = sa.text("state <> 'done'")
    op.create_index("chunk_left", "chunk", ["state", "added_at"], sqlite_where=left, postgresql_where=left)
