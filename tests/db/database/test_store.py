"""The store: the schema it makes, the databases it refuses, the moments it keeps."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, inspect, make_url, text
from sqlalchemy.schema import SchemaItem

from moodmill.db import migrations
from moodmill.db.core.errors import StoreError
from moodmill.db.database.schema import UtcDateTime, metadata
from moodmill.db.database.store import CONNECTIONS, Store
from tests.db.builders import Made, at_once, one_line, rows
from tests.support import clean_environment

VIEWS = {
    "comment_top_emotion",
    "comment_emotion_long",
    "comment_label",
    "emotion_by_day",
    "emotion_by_subreddit_day",
    "emotion_by_subreddit_month",
}

PREPARE = "import sys; from moodmill.db.database.store import Store; Store(sys.argv[1]).prepare()"


def execute(store: Store, statement: str) -> None:
    with store.writing() as connection:
        connection.execute(text(statement))


def tables(store: Store) -> set[str]:
    """Return the names of the tables, but those of parts of another."""
    with store.reading() as connection:
        return {name for name in inspect(connection).get_table_names() if not name.startswith("comment_emotion_")}


def is_here(store: Store, thing: SchemaItem, name: str, kind: str, *_: object) -> bool:
    """Leave out the parts of a table, and what is made for another database only."""
    is_part = kind == "table" and name.startswith("comment_emotion_")
    return not is_part and (store.is_sqlite or name != "comment_emotion_undated_key")


@pytest.fixture
def empty(database_url: str) -> Store:
    """A store without its schema, on each database."""
    return Store(database_url)


def test_the_revisions_by_which_a_schema_is_known_are_those_of_the_migrations(empty: Store) -> None:
    empty.prepare()
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    scripts = ScriptDirectory.from_config(config)
    assert empty.newest() == scripts.get_current_head()
    with empty.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == empty.current()
    empty.close()


def test_prepare_makes_the_schema_in_an_empty_database(empty: Store) -> None:
    assert empty.current() is None
    empty.prepare()
    assert empty.current() == empty.newest()
    assert tables(empty) == {*metadata.tables, "alembic_version"}
    with empty.reading() as connection:
        assert set(inspect(connection).get_view_names()) == VIEWS
    empty.close()


def test_preparing_again_changes_nothing(store: Store) -> None:
    made = Made(store)
    store.prepare()
    store.upgrade()
    assert made.ledger.run(made.id).id == made.id


def test_migrations_make_the_tables_of_the_schema(store: Store) -> None:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": partial(is_here, store)})
        assert compare_metadata(context, metadata) == []


def test_threads_prepare_one_database_at_once(database_url: str) -> None:
    stores = [Store(database_url) for _ in range(4)]
    at_once(*(one.prepare for one in stores))
    assert {one.current() for one in stores} == {stores[0].newest()}
    for one in stores:
        one.close()


def test_a_new_sqlite_file_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "moodmill.db"
    store = Store(f"sqlite:///{file}")
    with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
        other.execute("begin immediate")
        other.execute("create table dashboards (id integer)")
        opening = pool.submit(store.current)
        with pytest.raises(TimeoutError):
            opening.result(timeout=0.3)
        other.execute("commit")
        assert opening.result(timeout=60) is None
    store.close()


def test_processes_prepare_one_database_at_once(database_url: str) -> None:
    command = [sys.executable, "-c", PREPARE, database_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, env=clean_environment()) for _ in range(2)]
    assert [(one.communicate(timeout=60)[1], one.returncode) for one in started] == [(b"", 0)] * 2


def test_a_schema_that_another_makes_meanwhile_is_no_foreign_one(database_url: str) -> None:
    class Slow(Store):
        """Finds the database empty, and then another process prepares it."""

        def current(self) -> str | None:
            found = super().current()
            other = Store(database_url)
            other.prepare()
            other.close()
            return found

    slow = Slow(database_url)
    slow.prepare()
    assert Store.current(slow) == slow.newest()
    slow.close()


def test_a_newer_schema_is_refused(store: Store) -> None:
    execute(store, "update alembic_version set version_num = '9999'")
    with pytest.raises(StoreError) as refused:
        store.prepare()
    said = one_line(refused.value)
    assert "9999" in said
    assert "newer" in said


@pytest.mark.parametrize("refused_by", [Store.prepare, Store.upgrade])
def test_a_store_from_before_the_first_release_is_refused_in_one_line(
    store: Store, refused_by: Callable[[Store], None]
) -> None:
    execute(store, "update alembic_version set version_num = '0011'")
    with pytest.raises(StoreError) as refused:
        refused_by(store)
    assert "has schema 0011, expected 0103: it was made before the first release: label" in one_line(refused.value)


@pytest.mark.parametrize("table", ["run", "source"])
def test_a_database_of_another_program_is_refused_and_left_alone(empty: Store, table: str) -> None:
    execute(empty, f"create table {table} (id integer)")
    with pytest.raises(StoreError) as refused:
        empty.prepare()
    said = one_line(refused.value)
    assert table in said
    assert "DATABASE_URL" in said
    assert tables(empty) == {table}
    empty.close()


def test_tables_of_other_names_are_no_hindrance(empty: Store) -> None:
    execute(empty, "create table dashboards (id integer)")
    empty.prepare()
    assert "dashboards" in tables(empty)
    empty.close()


def test_what_is_committed_to_sqlite_is_on_the_disk(sqlite_url: str) -> None:
    """Else a power cut could take chunks back whose source, or spooled input, is deleted by then."""
    made = Store(sqlite_url)
    with made.reading() as connection:
        assert connection.scalar(text("pragma synchronous")) == 2  # "full": each commit waits for the disk
    made.close()


def test_what_a_failed_transaction_wrote_is_gone(store: Store) -> None:
    made = Made(store)

    def fail() -> None:
        with store.writing() as connection:
            connection.execute(metadata.tables["source"].delete())
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert len(made.ledger.run(made.id).sources) == 1


def test_a_reader_sees_one_moment(store: Store) -> None:
    with store.reading() as connection:
        count = text("select count(*) from run")
        assert connection.scalar(count) == 0
        Made(store)
        assert connection.scalar(count) == 0
    assert len(rows(store, metadata.tables["run"])) == 1


def test_moments_come_back_in_utc(store: Store) -> None:
    table = Table("moment", MetaData(), Column("id", Integer, primary_key=True), Column("at", UtcDateTime))
    kept = [
        datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2005, 12, 12, 5, 26, 28, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        datetime(1969, 7, 20, 20, 17, 40, 1, tzinfo=timezone(timedelta(hours=-7))),
        None,
    ]
    with store.writing() as connection:
        table.create(connection)
        connection.execute(table.insert(), [{"id": n, "at": at} for n, at in enumerate(kept)])
    found = [row["at"] for row in rows(store, table)]
    assert found == kept
    assert all(at is None or at.tzinfo is UTC for at in found)


@pytest.mark.parametrize("on_the_driver", [False, True])
def test_a_lost_server_is_a_store_error_and_the_next_transaction_connects_anew(
    postgres_url: str, on_the_driver: bool
) -> None:
    store, other = Store(postgres_url), Store(postgres_url)

    def lose_the_server() -> None:
        with store.writing() as connection:
            backend = connection.scalar(text("select pg_backend_pid()"))
            execute(other, f"select pg_terminate_backend({backend})")
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            (driver.execute if on_the_driver else connection.exec_driver_sql)("select 1")

    with pytest.raises(StoreError) as lost:
        lose_the_server()
    assert "DATABASE_URL" in one_line(lost.value)
    store.prepare()
    store.close()
    other.close()


def test_more_threads_than_connections_wait_and_then_count_the_store_as_away(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moodmill.db.database.store.CONNECTION_WAIT_S", 0.1)
    with closing(Store(database_url)) as store, ExitStack() as stack:
        for _ in range(CONNECTIONS):
            taken = stack.enter_context(ExitStack())
            taken.enter_context(store.reading())
        with pytest.raises(StoreError, match=r"^all 4 connections to the store .* are busy$"):
            store.current()
        taken.close()
        assert store.current() is None


def test_the_spelling_of_hosting_services_works(postgres_url: str) -> None:
    spelled = make_url(postgres_url).set(drivername="postgres").render_as_string(hide_password=False)
    store = Store(spelled)
    store.prepare()
    assert store.current() == store.newest()
    store.close()


def test_a_locked_sqlite_file_is_waited_for(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'moodmill.db'}")
    store.prepare()
    made = [Made(store) for _ in range(2)]
    calls = [lambda one=one: [one.add(1) for _ in range(20)] for one in made]
    at_once(*calls)
    assert [one.ledger.waiting(one.id).chunks for one in made] == [20, 20]
    store.close()
