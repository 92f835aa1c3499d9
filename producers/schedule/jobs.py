"""The schedule's jobs, as a TOML file describes them: a table each, named as the job.

[nightly]
cron = "15 3 * * *"                   # minute, hour, day of month, month, day of week (0-6); UTC
files = ["/dumps", "extra/RC_*.zst"]  # files, folders, patterns; relative to this file, or URLs
honour_deletions = true

[new_comments]
cron = "*/30 * * * *"
table = "comments"                    # or a view, of any database that SQLAlchemy has a driver for
key = "id"                            # the column that grows from row to row; rows are read in its order
database_url_env = "COMMENTS_URL"     # the setting with its URL; without it, DATABASE_URL
"""

import glob
import tomllib
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from celery.schedules import ParseException, crontab

from moodmill.db.core.elsewhere import is_url
from moodmill.db.core.errors import SettingError
from moodmill.db.core.filters import Filters, check_period, moment_asked, names_asked
from moodmill.db.core.names import Key, author_key, subreddit_key
from moodmill.producers.runs.deadshare import MAX_DEAD
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources import Columns, ReadOptions, checked

#: Seconds that a file has to be left alone before it counts as whole.
SETTLED_S: Final = 60.0

#: Keys whose values are paths of files of names, and those whose values are moments.
_FILES_OF_NAMES: Final = ("subreddits_from", "authors_from", "not_authors_from")
_MOMENTS: Final = {"since", "until"}

#: Keys that say how files are read, and nothing of tables of a database.
_OF_FILES: Final = ("delimiter", "quote", "escape", "encoding", "header_row", "title_column", "link_column")

Name = Annotated[str, msgspec.Meta(min_length=1)]
Names = tuple[str, ...]


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files, or which rows of a table, are labelled, when and how."""

    cron: str
    #: Patterns, absolute once they are read from a file.
    files: Annotated[list[str], msgspec.Meta(min_length=1)] | None = None
    #: A table or view, of a schema if it says so: "archive.comments".
    table: Name | None = None
    #: The column of the table that grows with each new row.
    key: Name | None = None
    #: Names the setting that holds the URL of the table's database; None: the store's own.
    database_url_env: Name | None = None
    #: Seconds that a file, or a row whose key is a time, is left alone.
    settled: Annotated[float, msgspec.Meta(ge=0)] = SETTLED_S
    #: Gets a POST with what came of it, as JSON, each time that the job fails.
    webhook: str | None = None
    # As the options of `moodmill label`.
    format: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    subreddit_column: str | None = None
    author_column: str | None = None
    created_at_column: str | None = None
    title_column: str | None = None
    link_column: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    encoding: str | None = None
    #: The number of the line that names the columns; 0: none does.
    header_row: Annotated[int, msgspec.Meta(ge=0)] | None = None
    time_format: str | None = None
    null_words: bool = False
    removed_titles: bool = False
    subreddits: Names = ()
    authors: Names = ()
    not_authors: Names = ()
    #: Files of names besides, absolute once they are read from a file. They are read when the job runs.
    subreddits_from: Name | None = None
    authors_from: Name | None = None
    not_authors_from: Name | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_length: Annotated[int, msgspec.Meta(ge=0)] = 0
    honour_deletions: bool = False
    keep_text: bool = False
    max_dead: Annotated[float, msgspec.Meta(ge=0, le=1)] = MAX_DEAD

    def __post_init__(self) -> None:
        try:
            self.schedule()
        except (ParseException, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"cron is {self.cron!r}: expected five fields, as in '15 3 * * *' ({reason})") from error
        if (self.files is None) == (self.table is None):
            raise ValueError(f"expected either files or table, found {'neither' if self.table is None else 'both'}")
        if self.table is None and (self.key is not None or self.database_url_env is not None):
            raise ValueError("key and database_url_env say how a table is read: expected table, found files")
        if self.table is not None and self.key is None:
            raise ValueError("a table needs a key: the column that grows with each new row, as in key = 'id'")
        if self.table is not None and self.format is not None:
            raise ValueError("format says how files are read: expected files, found table")
        of_files = [name for name in _OF_FILES if self.table is not None and getattr(self, name) is not None]
        if of_files:
            raise ValueError(f"{', '.join(of_files)} say how files are read: expected files, found table")
        if self.webhook is not None and urlsplit(self.webhook).scheme not in ("http", "https"):
            raise ValueError("webhook is no URL of http or https")

    def schedule(self) -> crontab:
        """Return when it is due, as Celery has it."""
        return crontab.from_string(" ".join(self.cron.split()))

    def due_after(self, moment: datetime) -> datetime:
        """Return when it is due next after a moment."""
        schedule = self.schedule()
        schedule.nowfun = lambda: moment
        wait: timedelta = schedule.remaining_estimate(moment)
        return (moment + wait).astimezone(UTC)

    @property
    def columns(self) -> Columns:
        return Columns(**{field.name: getattr(self, f"{field.name}_column") for field in fields(Columns)})

    @property
    def reading(self) -> ReadOptions:
        """How its files are read, as far as it says. Raises SettingError for what no source takes."""
        plain = {name: getattr(self, name) for name in ReadOptions.__struct_fields__ if name not in ("kind", "columns")}
        return checked(ReadOptions(kind=self.format, columns=self.columns, **plain))

    def options(self, base: RunOptions) -> RunOptions:
        """Return how its files are read; the model and the size of chunks are those of `base`.

        A table's rows come in Parquet files whose columns have the usual names. Raises SettingError where a file of
        names cannot be used.
        """
        reading = self.reading
        if self.table is not None:
            reading = msgspec.structs.replace(reading, kind="parquet", columns=Columns())
        filters = Filters(
            subreddits=_keys(subreddit_key, self.subreddits, self.subreddits_from) or None,
            authors=_keys(author_key, self.authors, self.authors_from) or None,
            not_authors=_keys(author_key, self.not_authors, self.not_authors_from),
            since=self.since,
            until=self.until,
            min_length=self.min_length,
            honour_deletions=self.honour_deletions,
        )
        return msgspec.structs.replace(
            base, reading=reading, filters=filters, keep_text=self.keep_text, max_dead=self.max_dead
        )


def read_jobs(path: Path) -> dict[str, Job]:
    """Return the jobs of a file by name, their files as absolute paths. Raises SettingError that says what is wrong."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows put a mark in front
    except OSError as error:
        raise SettingError(
            f"no jobs in {path}: {error.strerror}; MOODMILL_JOBS names the file that has them"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} is no TOML: {error}") from error
    return {name: _job(path, name, table) for name, table in tables.items()}


def find_job(path: Path, name: str) -> Job:
    """Return a job of a file. Raises SettingError where there is none of that name, or as `read_jobs`."""
    jobs = read_jobs(path)
    if name not in jobs:
        raise SettingError(f"no job {name!r} in {path}: it has {', '.join(jobs) or 'none'}")
    return jobs[name]


def _job(path: Path, name: str, table: object) -> Job:
    try:
        _check_keys(table)
        job = msgspec.convert(_with_moments(table), Job)
        for names in (job.subreddits, job.authors, job.not_authors):
            _keys(author_key, names)
        check_period(job.since, job.until)
        _ = job.reading
    except (msgspec.ValidationError, ValueError, SettingError) as error:
        raise SettingError(f"{path}: the job {name!r} is not usable: {error}") from error
    folder = path.resolve().parent
    named = {key: str(folder / file) for key in _FILES_OF_NAMES if (file := getattr(job, key)) is not None}
    files = job.files and [one if is_url(one) else str(Path(glob.escape(str(folder))) / one) for one in job.files]
    return msgspec.structs.replace(job, files=files, **named)


def _check_keys(table: object) -> None:
    """Raise ValueError for a key that no job has."""
    for key in table if isinstance(table, dict) else ():
        if key not in Job.__struct_fields__:
            near = get_close_matches(key, Job.__struct_fields__, n=1)
            meant = (
                f": {near[0]} is meant, perhaps" if near else f", expected some of {', '.join(Job.__struct_fields__)}"
            )
            raise ValueError(f"unknown key {key}{meant}")


def _with_moments(table: object) -> object:
    """Return a job's table with its days and times as moments: TOML has types of its own for both, and for texts."""
    if not isinstance(table, dict):
        return table
    moments = {}
    for key in _MOMENTS & table.keys():
        try:
            moments[key] = moment_asked(table[key])
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from error
    return table | moments


def _keys(key: Key, names: Names, file: str | None = None) -> frozenset[str]:
    return names_asked(key, names, Path(file) if file else None)
