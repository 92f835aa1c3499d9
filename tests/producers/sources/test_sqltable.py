"""Rows of SQL tables beyond a watermark: on each database, by keys of each type, under any names."""

import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    NullPool,
    Table,
    Text,
    Uuid,
    create_engine,
    insert,
    make_url,
    text,
)

from moodmill.db.core.errors import MoodmillError, SettingError, SourceError
from moodmill.producers.sources.layout import Columns
from moodmill.producers.sources.sqltable import FIELDS, Row, SqlTable
from moodmill.producers.sources.watermark import Watermark
from tests.clocks import clock_of, set_clock
from tests.db.builders import one_line
from tests.support import clean_environment

#: Seconds; of times long gone it makes no difference.
SETTLED = 60.0
LONG_AGO = datetime(2024, 3, 1, 12, tzinfo=UTC)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def make(url: str, name: str, columns: Mapping[str, Any], rows: Sequence[tuple[Any, ...]]) -> None:
    """Create a table with columns of these types where it is not there yet, and put rows into it."""
    table = Table(name, MetaData(), *(Column(column, kind) for column, kind in columns.items()))
    with connected(url) as connection:
        table.create(connection, checkfirst=True)
        for row in rows:
            connection.execute(insert(table).values(row))


def numbered(url: str, numbers: Sequence[int | None]) -> None:
    """Put comments with these ids into the table `comments`."""
    make(url, "comments", {"id": Integer, "body": Text}, [(n, f"text {n}") for n in numbers])


def opened(url: str, key: str = "id", table: str = "comments", **columns: str) -> SqlTable:
    return SqlTable(url, table, key, Columns(**columns), setting="COMMENTS_URL")


def read(table: SqlTable, after: Row | None = None, limit: int = 1000, settled: float = SETTLED) -> list[Row]:
    """Read rows behind another, whose watermark went through JSON as in the ledger."""
    mark = None if after is None else Watermark.from_json(after.watermark.to_json())
    return list(table.rows(mark, limit, settled))


def read_by(table: SqlTable, limit: int) -> list[Row]:
    """Read all rows, so many at a time."""
    rows = read(table, None, limit)
    while more := read(table, rows[-1], limit):
        rows += more
    return rows


def values(rows: Sequence[Row], field: str = "id") -> list[str | bytes | None]:
    return [row.fields[FIELDS.index(field)] for row in rows]


def test_rows_come_in_the_order_of_the_key_and_only_those_beyond_the_watermark(database_url: str) -> None:
    numbered(database_url, [30, 10, -5, 2**31 - 1])
    rows = read(opened(database_url))
    assert values(rows) == ["-5", "10", "30", "2147483647"]
    assert values(rows, "text") == ["text -5", "text 10", "text 30", "text 2147483647"]
    numbered(database_url, [20, 31])
    assert values(read(opened(database_url), rows[2])) == ["31", "2147483647"]
    assert read(opened(database_url), rows[3]) == []


def test_no_more_rows_are_read_than_asked_for_and_the_next_reading_goes_on(database_url: str) -> None:
    numbered(database_url, range(7))
    assert values(read(opened(database_url), limit=3)) == ["0", "1", "2"]
    assert values(read_by(opened(database_url), 3)) == [str(n) for n in range(7)]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (Text(), ["", "B", "a'; drop table comments; --", "b", "ä", "ü%_"]),
        (Uuid(), [uuid.UUID(int=n) for n in (1, 2**100, 2**127)]),
        (DateTime(), [LONG_AGO.replace(tzinfo=None, microsecond=n) for n in (0, 1, 999_999)]),
        (DateTime(timezone=True), [LONG_AGO + timedelta(hours=n) for n in range(3)]),
    ],
    ids=["text", "uuid", "timestamp", "timestamp with zone"],
)
def test_a_key_may_be_of_several_types(database_url: str, kind: Any, keys: list[Any]) -> None:
    if isinstance(kind, DateTime) and database_url.startswith("sqlite"):
        keys = [key.replace(tzinfo=None) for key in keys]
    columns = {"key": kind, "id": Integer, "text": Text}
    make(database_url, "comments", columns, [(key, n, "x") for n, key in enumerate(keys)])
    table = opened(database_url, "key", id="id")
    assert sorted(values(read_by(table, 1))) == [str(n) for n in range(len(keys))]  # type: ignore[type-var]
    assert read_by(table, 1) == read(table)


def test_rows_of_one_moment_are_told_by_their_ids(database_url: str) -> None:
    columns = {"created_at": DateTime, "id": Integer, "text": Text}
    moment = LONG_AGO.replace(tzinfo=None)
    make(database_url, "comments", columns, [(moment, n, "x") for n in (3, 1, 2)])
    table = opened(database_url, "created_at")
    first = read(table, limit=2)
    assert values(first) == ["1", "2"]
    make(database_url, "comments", columns, [(moment, 4, "x"), (moment + timedelta(seconds=1), 0, "x")])
    assert values(read(table, first[-1])) == ["3", "4", "0"]
    assert values(read_by(table, 1)) == ["1", "2", "3", "4", "0"]


def test_a_key_that_two_rows_may_share_is_no_id(database_url: str) -> None:
    # given seconds since 1970, as dumps have them
    columns = {"id": Text, "created_utc": Integer, "body": Text}
    make(database_url, "comments", columns, [("b", 100, "x"), ("a", 100, "y"), ("c", 101, "z")])
    assert values(read_by(opened(database_url, "created_utc"), 1)) == ["a", "b", "c"]
    # and none but the key that could tell two of them apart
    make(database_url, "posts", {"created_utc": Integer, "body": Text}, [(99, "x"), (100, "y"), (100, "z")])
    said = refused(database_url, "created_utc", "posts")
    assert (
        "table posts has two rows of 'created_utc' 100, which is to be their id: name another one by id_column" in said
    )


@pytest.mark.parametrize("zone", [True, False])
def test_moments_that_are_not_settled_are_left_for_later(database_url: str, zone: bool) -> None:
    columns = {"at": DateTime(timezone=zone), "id": Integer, "text": Text}
    now = datetime.now(UTC) if zone else datetime.now(UTC).replace(tzinfo=None)
    rows = [(now - timedelta(seconds=age), age, "x") for age in (3600, 100, 20)]
    make(database_url, "comments", columns, rows)
    table = opened(database_url, "at")
    assert values(read(table, settled=60)) == ["3600", "100"]
    assert values(read(table, settled=10)) == ["3600", "100", "20"]


def test_a_clock_that_is_ahead_of_the_database_settles_no_moment(postgres_url: str, tmp_path: Path) -> None:
    kinds = {"id": Integer, "body": Text, "at": DateTime(timezone=True)}
    now = datetime.now(UTC)
    make(postgres_url, "comments", kinds, [(1, "old", now - timedelta(minutes=2)), (2, "new", now)])
    program = (
        "import sys; from moodmill.producers.sources.sqltable import SqlTable\n"
        "from moodmill.producers.sources.layout import Columns\n"
        "print(len(list(SqlTable(sys.argv[1], 'comments', 'at', Columns()).rows(None, 9, 60))))"
    )
    set_clock(tmp_path / "clock", 3600)
    environment = clean_environment(**clock_of(tmp_path / "clock"))
    command = [sys.executable, "-P", "-c", program, postgres_url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_sqlite_compares_moments_as_they_are_written(sqlite_url: str) -> None:
    columns = {"at": DateTime, "id": Integer, "text": Text}
    make(sqlite_url, "comments", columns, [])
    with connected(sqlite_url) as connection:
        for n, at in enumerate(["'2024-03-01 12:00:00'", "'2024-03-01T12:00:00Z'", "1709294400", "current_timestamp"]):
            connection.execute(text(f"insert into comments values ({at}, {n}, 'x')"))
    table = opened(sqlite_url, "at", created_at="at")
    assert values(read_by(table, 1)) == ["2", "0", "1"]
    assert values(read(table), "created_at") == ["1709294400", "2024-03-01 12:00:00", "2024-03-01T12:00:00Z"]
    with connected(sqlite_url) as connection:
        connection.execute(text("insert into comments values ('2024-03-01 at noon', 9, 'x')"))
    with pytest.raises(SourceError, match="expected times in column 'at', found '2024-03-01 at noon'"):
        read(table)


def test_all_fields_are_read_under_any_names(database_url: str) -> None:
    name = 'My "odd" Täble; --'
    columns = {
        "Key 'n'": Integer,
        'the "Body"': Text,
        "User": Text,
        "select": Text,
        "Created %(at)s": DateTime(timezone=True),
    }
    created = LONG_AGO if database_url.startswith("postgresql") else LONG_AGO.replace(tzinfo=None)
    make(database_url, name, columns, [(1, "a :text", "b", "c", created)])
    table = opened(
        database_url, "Key 'n'", name, text='the "Body"', subreddit="select", created_at="Created %(at)s", id="Key 'n'"
    )
    (row,) = read(table)
    assert (table.name, row.fields[:4]) == (name, ("a :text", "1", "c", "b"))
    assert datetime.fromisoformat(str(row.fields[4])).replace(tzinfo=UTC) == LONG_AGO


def test_a_null_text_is_a_row_and_rows_without_key_or_id_are_counted(database_url: str) -> None:
    columns = {"n": Integer, "id": Text, "text": Text}
    rows = [(1, "a", None), (None, "b", "x"), (2, None, "x"), (3, "c", "x")]
    make(database_url, "comments", columns, rows)
    table = opened(database_url, "n", id="id")
    found = read(table)
    assert [row.fields[:2] for row in found] == [(None, "a"), ("x", "c")]
    assert table.passed_over(None) == 2
    assert table.passed_over(found[-1].watermark) == 1
    assert opened(database_url, "n", id="n").passed_over(None) == 1


def test_a_view_will_do_and_a_schema_before_a_dot(postgres_url: str) -> None:
    numbered(postgres_url, [1, 2])
    with connected(postgres_url) as connection:
        connection.execute(text("create schema archive"))
        connection.execute(text("create view archive.seen as select 'c' || id as uid, id as n, body from comments"))
    assert values(read(opened(postgres_url, "n", "archive.seen", id="uid"))) == ["c1", "c2"]
    # and where a table has the dot in its own name, it is meant
    columns = {"n": Integer, "uid": Text, "text": Text}
    make(postgres_url, "archive.seen", columns, [(7, "d7", "x")])
    assert values(read(opened(postgres_url, "n", "archive.seen", id="uid"))) == ["d7"]


def test_a_text_of_broken_utf_8_does_not_stop_it(sqlite_url: str) -> None:
    numbered(sqlite_url, [1])
    with connected(sqlite_url) as connection:
        connection.execute(text("update comments set body = cast(x'61ff62' as text)"))
    assert values(read(opened(sqlite_url)), "text") == [b"a\xffb"]
    # but as a key it puts no rows in order
    with connected(sqlite_url) as connection:
        connection.execute(text("create table codes as select cast(x'ff' as text) as id, body from comments"))
    assert "timestamps in column 'id', found" in refused(sqlite_url, "id", "codes")


def test_a_watermark_of_another_table_or_key_counts_for_nothing(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    columns = {"id": Integer, "n": Integer, "text": Text}
    for table in ("comments", "posts"):
        make(database_url, table, columns, [(1, 2, "x"), (2, 1, "x")])
    last = read(opened(database_url))[-1]
    assert read(opened(database_url), last) == []
    assert not caplog.messages
    assert values(read(opened(database_url, table="posts"), last)) == ["1", "2"]
    assert values(read(opened(database_url, "n", id="n"), last)) == ["1", "2"]
    assert values(read(opened(database_url, "n"), last)) == ["2", "1"]
    assert len(caplog.messages) == 3


def refused(url: str, *arguments: str, **columns: str) -> str:
    with pytest.raises(MoodmillError) as error:
        read(opened(url, *arguments, **columns))
    return one_line(error.value)


def test_a_table_that_cannot_be_read_is_told_in_one_line(database_url: str) -> None:
    columns = {"id": Integer, "body": Text, "score": Float, "at": DateTime}
    make(database_url, "posts", columns, [])
    make(database_url, "moments", {"at": DateTime}, [])
    assert "there is no table comments in" in refused(database_url)
    assert "there is no table archive.posts in" in refused(database_url, "id", "archive.posts")
    assert "no column 'n' to be its key: expected one of 'id', 'body'" in refused(database_url, "n", "posts")
    assert "expected integers, texts, UUIDs or timestamps" in refused(database_url, "score", "posts")
    assert "table posts has no text column: expected 'words'" in refused(database_url, "id", "posts", text="words")
    assert "no column of ids" in refused(database_url, "at", "moments", text="at")


def test_a_database_that_cannot_be_reached_is_told_without_its_password(postgres_url: str, tmp_path: Path) -> None:
    away = make_url(postgres_url).set(password="secret", host="127.0.0.1", port=1, query={})
    assert "table comments cannot be read" in refused(away.render_as_string(hide_password=False))
    assert "does not exist" in refused(f"sqlite:///{tmp_path / 'none.db'}")
    (tmp_path / "text.db").write_text("no database " * 100)
    assert "not a database" in refused(f"sqlite:///{tmp_path / 'text.db'}")
    assert list(tmp_path.glob("none*")) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("secret", "COMMENTS_URL is no database URL"),
        ("nosuch://a:secret@b/c", "COMMENTS_URL is no database URL"),
        ("postgresql://a:secret@b:port/c", "COMMENTS_URL is no database URL"),
        ("oracle+oracledb://a:secret@b/c", "COMMENTS_URL needs the driver 'oracledb'"),
    ],
)
def test_a_url_that_is_none_is_told_without_it(url: str, said: str) -> None:
    with pytest.raises(SettingError) as error:
        opened(url)
    assert said in one_line(error.value)
