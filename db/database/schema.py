"""The tables. Migrations make them; a test holds the two against each other."""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from moodmill.db.core.emotions import EMOTIONS

metadata = MetaData()
#: Of chunks: what is left to do.
_LEFT: Final = text("state <> 'done'")
#: Of files of the lake: those that are a part of it.
_THERE: Final = text("removed_at is null")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, always aware in Python. SQLite has no zones: there it is the naive UTC time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - as SQLAlchemy calls it
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: A row a run: what is labelled and how. `options` is JSON: filters, columns, chunk size, model.
run = Table(
    "run",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("options", Text, nullable=False),
    #: Files that folders held and that were passed over: JSON, their names by reason.
    Column("passed_over", Text),
    #: Set when every source was read to its end (or to its error): no chunk is added any more.
    Column("input_closed_at", UtcDateTime),
    #: When a process that reads its sources, or waits for its workers, last said that it lives; null where none is to.
    Column("alive_at", UtcDateTime),
    Column("cancelled_at", UtcDateTime),
    #: The engine that classifies its comments (moodmill.db.core.engine), the same to its end; null until its first
    #: chunk is begun.
    Column("engine", Text),
    #: The model that classifies them, likewise; empty where several did.
    Column("model", Text),
)

#: A row a file of a run. The fingerprint shows whether it is still the file that the run began with.
source = Table(
    "source",
    metadata,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("fingerprint", Text, nullable=False),
    #: Bytes up to where its records are in chunks; null where nobody said.
    Column("bytes_read", BigInteger),
    Column("ended", Boolean, nullable=False, default=False),
    Column("error", Text),
    #: How it is read, as that was found when the run began: JSON. So it is read alike whenever it is read again.
    Column("layout", Text),
)

#: A row a chunk: the records [first, stop) of one source. A chunk that replays dead letters holds no new record.
chunk = Table(
    "chunk",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("source_number", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("stop", BigInteger, nullable=False),
    Column("records", Integer, nullable=False),
    #: Of these records, how many are comments to classify; the others are skips and dead letters already.
    Column("comments", Integer, nullable=False),
    Column("replay", Boolean, nullable=False, default=False),
    Column("state", Text, nullable=False),
    Column("classified", Integer, nullable=False, default=0),
    #: Result rows that were not in the store before.
    Column("new_rows", Integer, nullable=False, default=0),
    Column("error", Text),
    Column("done_at", UtcDateTime),
    #: How many worker processes began it; noted before each try, so that one that kills its worker is known.
    Column("tries", Integer, nullable=False, server_default="0"),
    #: The names of these processes, with blanks between; the last one began it last.
    Column("worker", Text),
    #: When it became pending, the last time; null of chunks older than this column.
    Column("added_at", UtcDateTime),
    ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
    CheckConstraint("state in ('pending', 'done', 'failed')", name="chunk_state"),
    Index("chunk_by_state", "run_id", "state"),
    # What is watched all the time.
    Index("chunk_left", "state", "added_at", sqlite_where=_LEFT, postgresql_where=_LEFT),
)

#: Records that a chunk passed over, counted by reason.
skipped = Table(
    "skipped",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("chunk_number", Integer, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
)

#: What is said of records of a chunk, whatever became of them: how many, by kind, and an example.
note = Table(
    "note",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("chunk_number", Integer, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("n", Integer, nullable=False),
    Column("example", Text),
    ForeignKeyConstraint(["run_id", "chunk_number"], ["chunk.run_id", "chunk.number"]),
)

#: Records that could be neither classified nor passed over. Gone from here once a replay classified them.
dead_letter = Table(
    "dead_letter",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("source_number", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    #: "read": the payload is the record as it came; "classify": it is the comment, as JSON.
    Column("stage", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    #: The chunk that replays it just now.
    Column("replay_chunk", Integer),
    ForeignKeyConstraint(["run_id", "source_number"], ["source.run_id", "source.number"]),
    UniqueConstraint("run_id", "source_number", "position", name="dead_letter_record"),
)

#: The models that have labelled into this store. The views hold the rows of the active one.
model = Table(
    "model",
    metadata,
    Column("name", Text, primary_key=True),
    Column("active", Boolean, nullable=False),
    Index("model_active", "active", unique=True, sqlite_where=text("active"), postgresql_where=text("active")),
)

#: What a model calls an emotion present: probability above its threshold.
model_threshold = Table(
    "model_threshold",
    metadata,
    Column("model", Text, primary_key=True),
    Column("emotion", Text, primary_key=True),
    Column("emotion_group", Text, nullable=False),
    Column("threshold", REAL, nullable=False),
)

#: A row a comment and model: the 27 probabilities as the model gave them. In PostgreSQL partitioned by the month of
#: `created_at` (moodmill.db.results.partitions): so the time is part of the primary key, in SQLite as well.
comment_emotion = Table(
    "comment_emotion",
    metadata,
    Column("comment_id", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subreddit", Text),
    Column("author", Text),
    Column("created_at", UtcDateTime),
    *(Column(name, REAL, nullable=False) for name in EMOTIONS),
    #: Tokens that the model saw, special ones included.
    Column("tokens", Integer, nullable=False),
    #: Whether the text was longer than the model's limit and only its beginning was classified.
    Column("truncated", Boolean, nullable=False),
    #: Kept only if the run asked for it.
    Column("text", Text),
    #: By which another text under the same id is known (moodmill.db.core.comment.text_hash); null of older rows.
    Column("text_hash", Integer),
    #: Parts that the text was read in, each up to the model's limit; null of rows older than this column.
    Column("segments", Integer),
    #: Why the model is not to be trusted on the text (moodmill.db.core.unsupported); null where nothing speaks against
    #: it.
    Column("unsupported", Text),
    #: By which engine, at which precision, the model computed the row; null of rows older than this column.
    Column("engine", Text),
    Index(
        "comment_emotion_key",
        "comment_id",
        "model",
        "created_at",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    # To SQLite no unknown time is like another.
    Index(
        "comment_emotion_undated_key", "comment_id", "model", unique=True, sqlite_where=text("created_at is null")
    ).ddl_if(dialect="sqlite"),
    # What is of one day is added up anew where something of it changed.
    Index("comment_emotion_by_time", "created_at"),
    Index("comment_emotion_by_subreddit", "subreddit", "created_at"),
    postgresql_partition_by="range (created_at)",
)


#: Where result rows lie as Parquet files (moodmill.db.lake), in place of `comment_emotion`; a store without a lake has
#: no row here, and one with a lake a single one.
lake = Table(
    "lake",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    #: The folder says it too, so that no two stores take one folder for theirs.
    Column("id", Text, nullable=False),
    #: A folder of this machine, or a URL.
    Column("address", Text, nullable=False),
    #: Rows that merging left out, as their comment had one: with the same text, and with another one.
    Column("repeated", BigInteger, nullable=False, server_default=text("0")),
    Column("edited", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("number = 1", name="lake_number"),
)

#: The manifest of the lake: a row a file, never changed but for `removed_at`. What no row names is no part of it.
lake_file = Table(
    "lake_file",
    metadata,
    #: Files as they were added.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    #: Its path in the lake.
    Column("name", Text, nullable=False, unique=True),
    Column("model", Text, nullable=False),
    #: Whether its rows are of one month, sorted, and no other merged file of the model has a row of the same comment.
    Column("merged", Boolean, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    #: The first and the last `created_at` of its rows; null where none has one.
    Column("first", UtcDateTime),
    Column("last", UtcDateTime),
    #: Whether it has rows of an unknown time.
    Column("undated", Boolean, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    #: Since when other files have its rows, or none has: who read the manifest before may still read it.
    Column("removed_at", UtcDateTime),
    Index("lake_file_there", "model", "merged", sqlite_where=_THERE, postgresql_where=_THERE),
)


def _rollup(name: str, *key: Column[Any]) -> Table:
    """A table of sums over the comments of one model, and of what the columns of `key` say."""
    return Table(
        name,
        metadata,
        Column("model", Text, nullable=False),
        *key,
        Column("comments", BigInteger, nullable=False),
        #: Sums of the probabilities.
        *(Column(f"sum_{emotion}", Double, nullable=False) for emotion in EMOTIONS),
        #: Comments whose probability is above the model's threshold.
        *(Column(f"above_{emotion}", BigInteger, nullable=False) for emotion in EMOTIONS),
        #: Sums of the probabilities' squares: how far they spread, for intervals (moodmill.db.analytics.sums). Of days
        #: whose comments were deleted before this column was there it is the sum itself, the most that it can be.
        *(Column(f"square_{emotion}", Double, nullable=False, server_default=text("0")) for emotion in EMOTIONS),
        Index(
            f"{name}_key", "model", *(column.name for column in key), unique=True, postgresql_nulls_not_distinct=True
        ),
    )


#: Sums by day of `created_at`, in UTC, and subreddit. A day or subreddit that nobody knows is null.
rollup_subreddit_day = _rollup("rollup_subreddit_day", Column("day", Date), Column("subreddit", Text))
#: The same by day, over all subreddits.
rollup_day = _rollup("rollup_day", Column("day", Date))
#: The same by month, which is named by its first day.
rollup_subreddit_month = _rollup("rollup_subreddit_month", Column("month", Date), Column("subreddit", Text))
# One subreddit over time is asked for as often as one day of all.
Index(
    "rollup_subreddit_day_by_subreddit",
    rollup_subreddit_day.c.model,
    rollup_subreddit_day.c.subreddit,
    rollup_subreddit_day.c.day,
)

#: Which emotions occur together: comments by day, in UTC, with both of two emotions, or with one where both are the
#: same. So are groups, of which any emotion is there, and `none` of the 27; `all` is all comments.
rollup_emotion_pair_day = Table(
    "rollup_emotion_pair_day",
    metadata,
    Column("model", Text, nullable=False),
    Column("day", Date),
    Column("emotion", Text, nullable=False),
    #: In the order of EMOTIONS behind the other.
    Column("other", Text, nullable=False),
    Column("comments", BigInteger, nullable=False),
    Index(
        "rollup_emotion_pair_day_key",
        "model",
        "day",
        "emotion",
        "other",
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
)

#: A row for rows of a day, or days of a month, that were added since the roll-ups were brought up to date. It comes in
#: with the rows it stands for, and is never changed: so none is lost between two transactions.
dirty_period = Table(
    "dirty_period",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    #: "day" or "month".
    Column("grain", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("start", Date),
    Index("dirty_period_by_start", "grain", "model", "start"),
)

#: Days of a model of which comments were deleted. Their roll-ups stay as they were then.
frozen_day = Table(
    "frozen_day", metadata, Column("model", Text, primary_key=True), Column("day", Date, primary_key=True)
)

#: A row each time that a job of the schedule was begun.
job_run = Table(
    "job_run",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("job", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    #: When the process that runs it last said that it lives.
    Column("alive_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("state", Text, nullable=False),
    #: What came of it, in a line.
    Column("outcome", Text),
    CheckConstraint("state in ('running', 'succeeded', 'failed', 'stopped', 'lost')", name="job_run_state"),
    # However many processes try: one job runs once at a time.
    Index(
        "job_run_running",
        "job",
        unique=True,
        sqlite_where=text("state = 'running'"),
        postgresql_where=text("state = 'running'"),
    ),
    Index("job_run_by_start", "job", "started_at"),
)

#: Which runs a job has made.
job_label = Table(
    "job_label",
    metadata,
    Column("run_id", Text, ForeignKey("run.id"), primary_key=True),
    Column("job", Text, nullable=False),
    #: Of a run over new rows of a table: the last of them, as JSON. The job goes on behind that of its latest run.
    Column("watermark", Text),
    #: Whether an outcome of the job has reported it.
    Column("reported", Boolean, nullable=False, server_default=text("false")),
)
