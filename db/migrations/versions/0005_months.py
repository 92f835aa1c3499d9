"""Result rows in parts by month, told apart by their time too; indexes of analytics; one model is shown."""

import sqlalchemy as sa
from alembic import op

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import UtcDateTime
from moodmill.db.database.views import drop_views
from moodmill.db.results.partitions import create_first_parts, make_months

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        # Renaming a table would otherwise change what views of somebody's own read, to a table that goes.
        op.execute("pragma legacy_alter_table = on")
    else:
        # All that this and the next revisions change, in the order in which workers take it: what waits waits now, and
        # not when hours of copying are done.
        op.execute("lock table chunk, comment_emotion, run, source, job_label in access exclusive mode")
    drop_views(connection)
    op.create_table(
        "model",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("shown", sa.Boolean, nullable=False),
    )
    shown = sa.text("shown")
    op.create_index("model_shown", "model", ["shown"], unique=True, sqlite_where=shown, postgresql_where=shown)
    op.execute("insert into model (name, shown) select distinct model, false from model_threshold")
    # The model with the most comments is shown.
    op.execute(
        "update model set shown = true where name = (select m.name from model m left join rollup_day r "
        "on r.model = m.name group by m.name order by coalesce(sum(r.comments), 0) desc, m.name limit 1)"
    )
    op.create_table("retention", sa.Column("horizon", sa.Date, primary_key=True))
    op.drop_index("comment_emotion_by_time", "comment_emotion")
    op.rename_table("comment_emotion", "comment_emotion_old")
    op.create_table(
        "comment_emotion",
        sa.Column("comment_id", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subreddit", sa.Text),
        sa.Column("author", sa.Text),
        sa.Column("created_at", UtcDateTime),
        *(sa.Column(name, sa.REAL, nullable=False) for name in EMOTIONS),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("truncated", sa.Boolean, nullable=False),
        sa.Column("text", sa.Text),
        postgresql_partition_by="range (created_at)",
    )
    if not is_sqlite:
        for statement in create_first_parts():
            op.execute(statement)
        first = "date_trunc('month', created_at at time zone 'UTC') at time zone 'UTC'"
        months = connection.scalars(sa.text(f"select distinct {first} from comment_emotion_old"))  # noqa: S608
        make_months(connection, months.all())
        op.execute("set local lock_timeout to default")
    columns = (
        f"comment_id, model, source, subreddit, author, created_at, {', '.join(EMOTIONS)}, tokens, truncated, text"
    )
    op.execute(f"insert into comment_emotion ({columns}) select {columns} from comment_emotion_old")  # noqa: S608
    op.drop_table("comment_emotion_old")
    key = ["comment_id", "model", "created_at"]
    op.create_index("comment_emotion_key", "comment_emotion", key, unique=True, postgresql_nulls_not_distinct=True)
    if is_sqlite:
        op.create_index(
            "comment_emotion_undated_key",
            "comment_emotion",
            ["comment_id", "model"],
            unique=True,
            sqlite_where=sa.text("created_at is null"),
        )
    op.create_index("comment_emotion_by_time", "comment_emotion", ["created_at"])
    op.create_index("comment_emotion_by_subreddit", "comment_emotion", ["subreddit", "created_at"])
    if is_sqlite:
        op.execute("pragma legacy_alter_table = off")
