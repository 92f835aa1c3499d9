"""New rows of a job's table, kept in files that can be read twice. Imports pyarrow, which takes a while."""

import hashlib
import logging
import shutil
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from moodmill.db.core.errors import SettingError, SourceError
from moodmill.db.core.settings import read_named
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.sources.spool import spooling
from moodmill.producers.sources.sqltable import BATCH, FIELDS, Row, SqlTable
from moodmill.producers.sources.watermark import Watermark

logger = logging.getLogger(__name__)

#: Rows of a file at most: some 70 MB of comments, and what a kill in the middle of one has read in vain.
FILE_ROWS: Final = 1_000_000
#: Binary, so that a text that is no UTF-8 comes to the reader as it is, which makes a dead letter of it.
_COLUMN: Final = pa.large_binary()
_SCHEMA: Final = pa.schema([(name, _COLUMN) for name in FIELDS])


class _Spooled(NamedTuple):
    file: Path
    rows: int
    #: Of the last row.
    watermark: Watermark


def spool_rows(store: Store, ledger: JobLedger, name: str, job: Job, spool: Path) -> Iterator[tuple[Path, str]]:
    """Yield files of the rows that are new to a job, each with the watermark that its run is to keep.

    They lie below the folder `spool`. The next file begins where the ledger says when it is asked for. Where that is
    not behind the last one, whose run was not opened or is given up, there is none. Raises SettingError or SourceError
    where the table cannot be read, or not be kept.
    """
    folder = _folder(spool, store, name)
    _sweep(store, ledger, name, folder)
    table, after = _table(store, job), _watermark(ledger, name)
    passed_over = table.passed_over(after)
    if passed_over:
        logger.warning("job %s: %d rows of %s have no key or no id, and are not read", name, passed_over, table.name)
    while True:
        spooled = _spool(table.rows(after, FILE_ROWS, job.settled), folder, table.name.replace("/", "%2F"))
        if spooled is None:
            break
        yield spooled.file, spooled.watermark.to_json()
        after = _watermark(ledger, name)
        if after != spooled.watermark or spooled.rows < FILE_ROWS:
            break
    _sweep(store, ledger, name, folder)


def _watermark(ledger: JobLedger, name: str) -> Watermark | None:
    kept = ledger.watermark(name)
    return None if kept is None else Watermark.from_json(kept)


def _table(store: Store, job: Job) -> SqlTable:
    if job.table is None or job.key is None:
        raise ValueError("a job of files has no table")
    if job.database_url_env is None:
        return SqlTable(store.url, job.table, job.key, job.columns)
    url = read_named(job.database_url_env)
    if url is None:
        raise SettingError(f"{job.database_url_env} is not set: expected the URL of the database of table {job.table}")
    return SqlTable(url, job.table, job.key, job.columns, setting=job.database_url_env)


def _spool(found: Generator[Row, None, None], folder: Path, name: str) -> _Spooled | None:
    """Write rows into a Parquet file; none where there are no rows."""
    with closing(found):
        last = next(found, None)
        if last is None:
            return None
        count, rows = 0, chain([last], found)
        with (
            spooling(folder, name, "new rows") as (path, file),
            pq.ParquetWriter(file, _SCHEMA, compression="zstd") as writer,
        ):
            while batch := list(islice(rows, BATCH)):
                columns = zip(*(row.fields for row in batch), strict=True)
                writer.write_batch(pa.record_batch([pa.array(one, _COLUMN) for one in columns], _SCHEMA))
                count, last = count + len(batch), batch[-1]
    return _Spooled(path, count, last.watermark)


def _folder(spool: Path, store: Store, job: str) -> Path:
    """Return where a job of a store keeps its files: no other's lie there."""
    own = hashlib.sha256(f"{store.shown}\n{job}".encode()).hexdigest()[:16]
    return spool.resolve() / f"table-{own}"


def _sweep(store: Store, ledger: JobLedger, job: str, folder: Path) -> None:
    """Delete the files that no unfinished run of the job will read: what a killed process left, and what is labelled.

    A dead letter of theirs holds its whole row.
    """
    runs = [Ledger(store).run(run_id) for run_id in ledger.unfinished(job)]
    needed = {Path(file.path).parent for run in runs for file in run.sources}
    try:
        for own in folder.glob("*"):
            if own not in needed:
                shutil.rmtree(own)
    except OSError as error:
        raise SourceError(f"{error.filename} cannot be deleted: {error.strerror}; see MOODMILL_SPOOL") from error
