"""The lake, where result rows lie as Parquet files, and its manifest; and which model a run has."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.database.schema import UtcDateTime

revision = "0103"
down_revision = "0102"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("model", sa.Text))
    op.create_table(
        "lake",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("repeated", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("edited", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("number = 1", name="lake_number"),
    )
    op.create_table(
        "lake_file",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("merged", sa.Boolean, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("first", UtcDateTime),
        sa.Column("last", UtcDateTime),
        sa.Column("undated", sa.Boolean, nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("removed_at", UtcDateTime),
    )
    there = sa.text("removed_at is null")
    op.create_index("lake_file_there", "lake_file", ["model", "merged"], sqlite_where=there, postgresql_where=there)
