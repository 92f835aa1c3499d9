"""Which days of which model are closed, in the place of one horizon for all."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closed_day",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
    )
    op.execute(
        "insert into closed_day (model, day) "
        "select distinct model, day from rollup_day where day < (select max(horizon) from retention)"
    )
    op.drop_table("retention")
