"""Merges the files of single transactions into sorted ones, by model and month: a comment has one row then, for good.

By the same two phases as rows come in: new files are written first, and one transaction puts them in the place of the
others. A kill before it leaves files that nobody names; what another process changed meanwhile makes it fail, and
whoever merges begins anew.
"""

# ruff: noqa: S608 - built from constant names, and names of files that the manifest gave

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import uuid4

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Select, false, func, not_, select, update

from moodmill.db.core.days import midnight, next_month
from moodmill.db.database.dirty_periods import invalidate
from moodmill.db.database.schema import comment_emotion, lake_file
from moodmill.db.database.schema import lake as lakes
from moodmill.db.lake.columnar import GROUP, NO_MONTH, grouped, row_writer
from moodmill.db.lake.lake import MERGED, Lake
from moodmill.db.lake.lateness import Lateness
from moodmill.db.lake.manifest import ConflictError, LakeFile, add_files, files_there, remove_files
from moodmill.db.lake.reader import LakeReader, lake_reader
from moodmill.db.lake.rows import SCHEMA, span
from moodmill.db.lake.snapshot import IS_KEY, LISTED, distinct_rows, keys, may_share, scan

#: Rows that are merged at once: they are in memory, or on the disk beside it, some 250 bytes each.
AT_ONCE: Final = 2_000_000
#: Rows of a merged file at most: some 400 MB.
FILE_ROWS: Final = 4_000_000
#: Merged files of a month that are so small are put together, where there are so many of them.
SMALL_ROWS: Final = FILE_ROWS // 4
MANY: Final = 8
TOGETHER: Final = 64
#: Times that a step is begun before another process has changed the lake once too often.
TRIES: Final = 10

Answer = TypeVar("Answer")

_SORTED: Final = "subreddit nulls first, created_at, comment_id"


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What merging did."""

    #: Files that were there before, and that are there in their place.
    before: int
    after: int
    rows: int
    #: Rows that are left out, as their comment has one: of the same text, and of another.
    repeated: int
    edited: int

    def __add__(self, other: "Merged") -> "Merged":
        added = {name: value + getattr(other, name) for name, value in self.__dict__.items()}
        return Merged(**added)


NOTHING: Final = Merged(before=0, after=0, rows=0, repeated=0, edited=0)


def merge(lake: Lake, on_merged: Callable[[Merged], None] = lambda _: None, *, whole: bool = False) -> Merged:
    """Merge what has come in by now, some at a time; `whole` puts all files of a month together, however few they are.

    Raises StoreError, and StoreAwayError where another process changes the same files again and again.
    """
    lake.require()
    done = NOTHING
    with lake.store.reading() as connection:
        last = max((file.number for file in files_there(connection)), default=0)
    while (step := begun_anew(lambda: _merge_incoming(lake, last))) is not None:
        done += step
        on_merged(done)
    many, small_rows = (2, FILE_ROWS) if whole else (MANY, SMALL_ROWS)
    while (step := begun_anew(lambda: _put_together(lake, many, small_rows))) is not None:
        done += step
        on_merged(done)
    return done


def begun_anew(step: Callable[[], Answer]) -> Answer:
    """Do a step again where another process changed the lake meanwhile. Raises ConflictError after TRIES times."""
    for _ in range(TRIES - 1):
        with suppress(ConflictError):
            return step()
    return step()


def _merge_incoming(lake: Lake, last: int) -> Merged | None:
    """Merge some files of a model that came in, up to a number; return None where there are none."""
    late = Lateness()
    with lake.store.reading() as connection:
        files = files_there(connection)
    incoming = _some([file for file in files if not file.merged and file.number <= last])
    if not incoming:
        return None
    model = incoming[0].model
    merged = [file for file in files if file.merged and file.model == model]
    near = [file for file in merged if any(may_share(file, other) for other in incoming)]
    with lake_reader(lake.folder) as reader:
        reader.run(f"create temp table keys as {keys(lake.folder, incoming)}")
        changed = _changed(reader, incoming, near)
        numbers = {file.number for file in changed}
        near = [*changed, *(file for file in near if file.number not in numbers)]
        reader.run(f"create temp table found as {distinct_rows(lake.folder, incoming, near)}")
        (counted,) = reader.run("select sum(repeated), sum(edited) from found")
        repeated, edited = (int(n or 0) for n in counted)
        days = reader.run("select distinct created_at::date from found where repeated + edited > 0")
        reader.run(f"create temp view kept as select {LISTED} from found where late = 1")
        written = [*write_months(lake, reader, "kept", model)]
        for at, file in enumerate(changed):  # one after the other: there may be many, and they are large
            unchanged = f"select {LISTED} from {scan(lake.folder, [file])} r anti join keys on {IS_KEY}"
            rows = f"{unchanged} union all select {LISTED} from found where late = 0 and file = {at}"
            batches = (batch.cast(SCHEMA) for batch in reader.stream(f"{rows} order by {_SORTED}", size=GROUP))
            written += write_files(lake, model, month_of(file), batches)
    with lake.store.writing() as connection:
        replace_files(lake, connection, late, merged, [*incoming, *changed], written)
        counts = {"repeated": lakes.c.repeated + repeated, "edited": lakes.c.edited + edited}
        connection.execute(update(lakes).values(counts))
        # Another one of the rows may count now than did when they were added up.
        invalidate(connection, model, (day for (day,) in days))
    rows_merged = sum(file.rows for file in incoming)
    before = len(incoming) + len(changed)
    return Merged(before=before, after=len(written), rows=rows_merged, repeated=repeated, edited=edited)


def _some(incoming: Sequence[LakeFile]) -> list[LakeFile]:
    """Return the first files of one model, with as many rows as are merged at once; one file at least."""
    taken: list[LakeFile] = []
    for file in incoming:
        if taken and file.model != taken[0].model:
            continue
        if taken and sum(one.rows for one in taken) + file.rows > AT_ONCE:
            break
        taken.append(file)
    return taken


def _changed(reader: LakeReader, incoming: Sequence[LakeFile], near: Sequence[LakeFile]) -> list[LakeFile]:
    """Return the merged files in which a row is replaced, or gets a text, by one that came in."""
    if not near:
        return []
    query = f"""
        select distinct m.file_index from (select *, file_index from {scan(reader.folder, near)}) m
        join {scan(reader.folder, incoming)} u on m.model = u.model and m.created_at is not distinct from u.created_at
        and (m.comment_id = u.comment_id or m.comment_id = u.other_id) and m.text_hash = u.text_hash
        where u.replaces or (u.text is not null and m.text is null)
    """
    return [near[at] for (at,) in reader.run(query)]


def _put_together(lake: Lake, many: int, small_rows: int) -> Merged | None:
    """Put small merged files of a month together, where there are so many; return None where there are not."""
    with lake.store.reading() as connection:
        files = [file for file in files_there(connection) if file.merged and file.rows < small_rows]
    by_month: dict[tuple[str, date | None], list[LakeFile]] = {}
    for file in files:
        by_month.setdefault((file.model, month_of(file)), []).append(file)
    for (model, _), small in by_month.items():
        some, rows = list[LakeFile](), 0
        for file in sorted(small, key=lambda file: file.rows)[:TOGETHER]:
            if rows + file.rows <= 2 * FILE_ROWS:  # or it would take long, and much room
                some.append(file)
                rows += file.rows
        if len(some) >= many and rows <= (len(some) - 1) * FILE_ROWS:
            return rewrite(lake, model, some)
    return None


def rewrite(
    lake: Lake,
    model: str,
    files: Sequence[LakeFile],
    left_out: ColumnElement[bool] | None = None,
    also: Callable[[Connection], None] = lambda _: None,
) -> Merged:
    """Write the rows of merged files of one month anew, without some, in as few files as there may be.

    `also` is done in the transaction that puts them in their place.
    """
    late = Lateness()
    with lake.store.reading() as connection:
        merged = [file for file in files_there(connection, models={model}) if file.merged]
    rows = comment_emotion.c
    query: Select[Any] = select(*(rows[name] for name in SCHEMA.names))
    query = query.order_by(rows.subreddit.nulls_first(), rows.created_at, rows.comment_id)
    if left_out is not None:
        query = query.where(not_(func.coalesce(left_out, false())))
    with lake_reader(lake.folder) as reader:
        reader.show(files)
        written = [*write_files(lake, model, month_of(files[0]), reader.arrow(query, SCHEMA, GROUP))]
    with lake.store.writing() as connection:
        replace_files(lake, connection, late, merged, files, written)
        also(connection)
    kept = sum(file.rows for file in written)
    return Merged(before=len(files), after=len(written), rows=kept, repeated=0, edited=0)


def replace_files(
    lake: Lake,
    connection: Connection,
    late: Lateness,
    merged: Sequence[LakeFile],
    before: Sequence[LakeFile],
    after: Sequence[LakeFile],
) -> None:
    """Put files in the place of others, where the merged ones are those that somebody began with.

    Raises ConflictError where they are not: another process has merged since, and what is written may be there twice.
    """
    late.refuse()
    connection.execute(select(lakes.c.id).with_for_update())  # one at a time
    lake.refuse_moved(connection)
    models = {file.model for file in before}
    there = lake_file.c.merged & lake_file.c.removed_at.is_(None) & lake_file.c.model.in_(models)
    now = set(connection.scalars(select(lake_file.c.number).where(there)))
    if now != {file.number for file in merged}:
        raise ConflictError("another process changed the lake meanwhile")
    remove_files(connection, before)
    add_files(connection, after)


def write_months(lake: Lake, reader: LakeReader, rows: str, model: str) -> Iterator[LakeFile]:
    """Write the rows of a table into sorted files by month, and yield each; nobody names them yet."""
    months = f"select distinct date_trunc('month', created_at)::date from {rows} order by 1 nulls last"
    for (month,) in reader.run(months):
        query = f"select {LISTED} from {rows} where {_of_month(month)} order by {_SORTED}"
        batches = (batch.cast(SCHEMA) for batch in reader.stream(query, size=GROUP))
        yield from write_files(lake, model, month, batches)


def _of_month(month: date | None) -> str:
    if month is None:
        return "created_at is null"
    begins = f"created_at >= '{midnight(month).isoformat()}'::timestamptz"
    if month == date.max.replace(day=1):
        return begins
    return f"{begins} and created_at < '{midnight(next_month(month)).isoformat()}'::timestamptz"


def write_files(lake: Lake, model: str, month: date | None, batches: Iterator[pa.RecordBatch]) -> Iterator[LakeFile]:
    """Write rows of one month, which come sorted, into files of FILE_ROWS at most, and yield each."""
    folder = f"{MERGED}/model={quote(model, safe='')}/month={NO_MONTH if month is None else f'{month:%Y-%m}'}"
    groups = grouped(batches)
    group = next(groups, None)
    while group is not None:
        name = f"{folder}/{uuid4().hex}.parquet"
        moments, rows = [], 0
        with ExitStack() as stack:
            out = stack.enter_context(lake.folder.writing(name))
            writer = stack.enter_context(row_writer(out, SCHEMA))
            while group is not None and rows < FILE_ROWS:
                writer.write_table(group)
                moments += group.column("created_at").chunks
                rows += len(group)
                group = next(groups, None)
            writer.close()
            size = out.tell()
        first, last, undated = span(moments)
        yield LakeFile(
            name=name, model=model, merged=True, rows=rows, bytes=size, first=first, last=last, undated=undated
        )


def month_of(file: LakeFile) -> date | None:
    """Return the month of a merged file; None of comments of an unknown time."""
    first: datetime | None = file.first
    return None if first is None else first.astimezone(UTC).date().replace(day=1)
