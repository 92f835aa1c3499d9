"""What tells texts of one id apart; how sources are read; notes on records; files that were passed over."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        # In the order in which workers take them: one that is at work waits, and none for ever.
        op.execute("lock table chunk, comment_emotion, run, source in access exclusive mode")
    # Null in the rows that are there: no row is written anew, in either database.
    op.add_column("comment_emotion", sa.Column("text_hash", sa.Integer))
    op.add_column("run", sa.Column("passed_over", sa.Text))
    op.add_column("source", sa.Column("layout", sa.Text))
    op.create_table(
        "note",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("chunk_number", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("example", sa.Text),
        sa.ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
    )
