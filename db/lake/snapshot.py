"""The rows of a lake at one moment, in SQL for DuckDB: which of a comment's rows counts, while files are not merged.

Whoever writes looks nothing up: a comment that comes again has another row. The rules are those of a store without a
lake (moodmill.db.results.writer): of a comment, a model and a time there is one row, that of the text that came first;
the first row of it, or the last of those that were to replace others; where ids are a table's, each other text has a
row of its own, under another id. A text that any of the rows keeps is there.
"""

# ruff: noqa: S608 - built from constant names, and names of files that the manifest gave

from collections.abc import Sequence
from typing import Final

from moodmill.db.lake.folder import LakeFolder
from moodmill.db.lake.manifest import LakeFile
from moodmill.db.lake.rows import COLUMNS

#: The columns, as SQL lists them.
LISTED: Final = ", ".join(COLUMNS)
_ID: Final = "model, comment_id, created_at"
#: Joins rows `r` with `keys`.
IS_KEY: Final = "r.model = keys.model and r.comment_id = keys.id"
#: Merged rows come first, then others as they were added.
_ORDER: Final = "late, file, row"
#: Of rows under one id, which comes first: of the first text, and of these the last that is to replace others.
_RANK: Final = (
    "text_hash is distinct from kept_hash, replaces desc, "
    "if(replaces, -late, late), if(replaces, -file, file), if(replaces, -row, row)"
)


def snapshot(folder: LakeFolder, files: Sequence[LakeFile]) -> str:
    """Return the query for the rows of these files, with the columns of a result row."""
    incoming = [file for file in files if not file.merged]
    merged = [file for file in files if file.merged]
    if not incoming:
        return f"select {LISTED} from {scan(folder, merged)}" if merged else empty()
    near = [file for file in merged if any(may_share(file, other) for other in incoming)]
    numbers = {file.number for file in near}
    far = [file for file in merged if file.number not in numbers]
    parts = [f"select {LISTED} from ({distinct_rows(folder, incoming, near)})"]
    if near:
        parts.append(f"select {LISTED} from {scan(folder, near)} r anti join keys on {IS_KEY}")
    if far:
        parts.append(f"select {LISTED} from {scan(folder, far)}")
    return f"with keys as materialized ({keys(folder, incoming)}) {' union all '.join(parts)}"


def distinct_rows(folder: LakeFolder, incoming: Sequence[LakeFile], merged: Sequence[LakeFile]) -> str:
    """Return the query for the rows that count of incoming files, and of merged ones of the same comments.

    It reads a table `keys`, and has besides the columns of a result row whether a row is of an incoming file (`late`),
    the number of its `file` among these, and how many rows stand behind it: `repeated` of the same text, `edited` of
    another.
    """
    place = "file_index::bigint as file, file_row_number::bigint as row"
    rows = f"select {LISTED}, other_id, replaces, 1 as late, {place} from {scan(folder, incoming)}"
    if merged:
        rows += f" union all select {LISTED}, null, false, 0, {place} from "
        rows += f"{scan(folder, merged)} r semi join keys on {IS_KEY}"
    first = f"first_value(text_hash) over (partition by {_ID} order by {_ORDER})"
    under_other = "other_id is not null and text_hash <> first_hash"
    named = f"case when {under_other} then other_id else comment_id end as comment_id"
    columns = LISTED.replace(" text,", " coalesce(text, kept_text) as text,")
    return f"""
        select {columns}, late, file, same - 1 as repeated, under_id - same as edited from (
            select *, row_number() over (partition by {_ID} order by {_RANK}) as place,
                max(text) over (partition by {_ID}, text_hash) as kept_text,
                count(*) over (partition by {_ID}) as under_id,
                count(*) over (partition by {_ID}, text_hash) as same
            from (
                select *, {first} as kept_hash from (
                    select * replace ({named}) from (select *, {first} as first_hash from ({rows}))
                )
            )
        ) where place = 1
    """


def keys(folder: LakeFolder, incoming: Sequence[LakeFile]) -> str:
    """Return the query for the ids that rows of incoming files have, or may have, by model."""
    rows = scan(folder, incoming)
    return f"select distinct model, unnest([comment_id, other_id]) as id from {rows}"


def scan(folder: LakeFolder, files: Sequence[LakeFile]) -> str:
    """Return what reads the rows of files, in this order."""
    names = ", ".join("'{}'".format(folder.where(file.name).replace("'", "''")) for file in files)
    return f"read_parquet([{names}], hive_partitioning = false)"


def empty() -> str:
    """Return the query for no rows."""
    from moodmill.db.lake.rows import SCHEMA

    types = {"string": "varchar", "float": "float", "int32": "integer", "bool": "boolean"}
    columns = (f"null::{types.get(str(field.type), 'timestamptz')} as {field.name}" for field in SCHEMA)
    return f"select {', '.join(columns)} where false"


def may_share(one: LakeFile, other: LakeFile) -> bool:
    """Tell whether two files may have rows of the same comment."""
    if one.model != other.model:
        return False
    if one.undated and other.undated:
        return True
    if one.first is None or one.last is None or other.first is None or other.last is None:
        return False
    return one.first <= other.last and other.first <= one.last
