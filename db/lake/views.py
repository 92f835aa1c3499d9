"""The views of a store for who reads its lake by DuckDB, as SQL to run there.

They are those of `moodmill.db.database.views`, of the active model: on the rows themselves, and on sums that are added
up when they are asked for, which the roll-ups of the store hold already.
"""

# ruff: noqa: S608 - built from constant names, and from names and thresholds that the store gave

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.database.schema import comment_emotion, model, model_threshold
from moodmill.db.database.views import view_queries
from moodmill.db.lake.folder import LakeFolder
from moodmill.db.lake.manifest import LakeFile
from moodmill.db.lake.snapshot import snapshot

#: What `moodmill.db.database.schema` has as tables: by what each groups comments.
_SUMS = {
    "rollup_day": "created_at::date as day",
    "rollup_subreddit_day": "created_at::date as day, subreddit",
    "rollup_subreddit_month": "date_trunc('month', created_at)::date as month, subreddit",
}


def view_statements(connection: Connection, folder: LakeFolder, files: Sequence[LakeFile]) -> Iterator[str]:
    """Yield the statements that make the view of the rows in these files, and the views of the active model."""
    yield "set TimeZone = 'UTC'"
    yield f"create or replace view {comment_emotion.name} as {snapshot(folder, files)}"
    active = connection.scalar(select(model.c.name).where(model.c.active)) or ""
    named = _text(active)
    limits = connection.execute(select(model_threshold).where(model_threshold.c.model == active))
    thresholds = {row.emotion: row.threshold for row in limits}
    yield f"create or replace view {model.name} as select {named} as name, true as active"
    if not thresholds:
        return
    rows = ", ".join(f"({named}, '{name}', '{GROUP_OF[name]}', {thresholds[name]!r}::float)" for name in EMOTIONS)
    columns = ", ".join(column.name for column in model_threshold.c)
    yield f"create or replace view {model_threshold.name} as select * from (values {rows}) t({columns})"
    sums = ", ".join(f"sum({name}::double) as sum_{name}" for name in EMOTIONS)
    above = ", ".join(f"count(*) filter ({name} > {thresholds[name]!r}::float) as above_{name}" for name in EMOTIONS)
    for table, key in _SUMS.items():
        added = f"select model, {key}, count(*) as comments, {sums}, {above} from {comment_emotion.name}"
        yield f"create or replace view {table} as {added} where model = {named} group by all"
    for view, query in view_queries("duckdb").items():
        yield f"create or replace view {view} as {' '.join(query.split())}"


def _text(value: str) -> str:
    return "'{}'".format(value.replace("'", "''"))
