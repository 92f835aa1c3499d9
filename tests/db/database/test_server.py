"""What the server of a store and its role are told apart by, before a run: encoding, rights, what a crash may cost."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from moodmill.db.core.errors import StoreError
from moodmill.db.database.reader import grant_reader
from moodmill.db.database.server import durability, warn_of_loss
from moodmill.db.database.store import Store
from tests.conftest import server_url
from tests.db.builders import Made, one_line
from tests.support import moodmill_here, write_dump


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def role(postgres_url: str) -> Iterator[str]:
    """A role that may connect, and nothing else."""
    name = f"role_{uuid4().hex[:12]}"
    execute(postgres_url, f"create role {name} login", "revoke create on schema public from public")
    yield name
    execute(postgres_url, f"drop owned by {name} cascade", f"drop role {name}")


def as_role(postgres_url: str, role: str) -> str:
    return make_url(postgres_url).set(username=role, password=None).render_as_string(hide_password=False)


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def narrow_url(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[str]:
    """A database whose encoding does not hold every character."""
    admin = server_url(postgres_server)
    name = f"moodmill_test_{uuid4().hex[:12]}"
    shown = admin.render_as_string(hide_password=False)
    execute(shown, f"create database {name} encoding '{request.param}' locale 'C' template template0")
    yield admin.set(database=name).render_as_string(hide_password=False)
    execute(shown, f"drop database {name} with (force)")


@pytest.fixture
def doctor_of_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """`moodmill doctor` looks at the store alone: the model would take seconds."""
    for part in ("_broker", "_device", "_model"):
        monkeypatch.setattr(f"moodmill.cli.commands.doctor.{part}", lambda: "left out")


def check(store: Store) -> None:
    """Check a store, but for what the server of these tests may lose: nothing there is to outlive a power cut."""
    try:
        store.check()
    except StoreError as error:
        if "fsync" not in str(error):
            raise


@pytest.mark.usefixtures("doctor_of_the_store")
def test_an_encoding_that_holds_too_little_is_refused_at_once(narrow_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": narrow_url}
    dump = write_dump(tmp_path / "RC_x", ["a text"])
    for command in (("doctor",), ("db", "upgrade"), ("label", dump)):
        done = moodmill_here(*command, cwd=tmp_path, settings=settings)
        assert done.returncode == 1
        assert "does not hold every comment" in " ".join((done.stdout + done.stderr).split())
        assert "a defect" not in done.stderr
    with closing(Store(narrow_url)) as store, pytest.raises(StoreError, match="encoding 'UTF8' template template0"):
        store.prepare()


def test_a_role_that_may_create_nothing_is_told_the_grant(postgres_url: str, role: str) -> None:
    remedy = f'have its owner run `grant create on schema "public" to "{role}"`'
    with closing(Store(as_role(postgres_url, role))) as store:
        for attempt in (store.prepare, store.upgrade, store.check):
            with pytest.raises(StoreError, match="permission denied for schema public") as refused:
                attempt()
            assert remedy in one_line(refused.value)
        execute(postgres_url, remedy.split("`")[1])
        store.prepare()
        check(store)


def test_a_role_that_does_not_own_the_tables_is_told_whose_they_are(postgres_store: Store, role: str) -> None:
    url = postgres_store.url.render_as_string(hide_password=False)
    grants = f"grant select, insert, update, delete on all tables in schema public to {role}"
    with closing(Store(as_role(url, role))) as store:
        execute(url, f"grant create on schema public to {role}")
        with pytest.raises(
            StoreError, match=r"""permission denied.*its tables are "postgres"'s: log in as"""
        ) as refused:
            Made(store)
        one_line(refused.value)
        execute(url, grants)
        Made(store)
        with pytest.raises(StoreError, match="its tables are"):
            store.check()


def test_a_search_path_without_a_schema_is_told(postgres_url: str, role: str) -> None:
    execute(postgres_url, f"alter role {role} set search_path = missing")
    with closing(Store(as_role(postgres_url, role))) as store, pytest.raises(StoreError, match="search_path"):
        store.prepare()


def test_a_check_leaves_nothing_behind(store: Store) -> None:
    check(store)
    check(store)
    with store.reading() as connection:
        assert "moodmill_doctor" not in inspect(connection).get_table_names()


@pytest.mark.usefixtures("doctor_of_the_store")
def test_the_doctor_tries_to_write(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": sqlite_store.url.render_as_string()}
    assert moodmill_here("doctor", cwd=tmp_path, settings=settings).returncode == 0
    monkeypatch.setattr("moodmill.db.database.sqlitefile.BUSY_MS", 10)
    with sqlite_store.writing():
        done = moodmill_here("doctor", cwd=tmp_path, settings=settings)
    assert done.returncode == 1
    assert "locked" in done.stdout


def test_what_a_crash_may_cost_is_told_by_the_settings(postgres_url: str) -> None:
    execute(postgres_url, f"alter database {make_url(postgres_url).database} set synchronous_commit = off")
    with closing(Store(postgres_url)) as store, store.reading() as connection:
        found = durability(connection)
    assert set(found) == {"fsync", "full_page_writes", "synchronous_commit"}
    safe = {"fsync": "on", "full_page_writes": "on"}
    for name in safe:
        with pytest.raises(StoreError, match=f"{name} = off"):
            warn_of_loss({**found, **safe, name: "off"})
    assert "synchronous_commit = off" in (warn_of_loss({**found, **safe}) or "")
    assert warn_of_loss({**safe, "synchronous_commit": "on"}) is None
    assert warn_of_loss({}) is None


def test_a_reader_reads_a_store_in_a_schema_of_its_own(postgres_url: str, role: str) -> None:
    database = make_url(postgres_url).database
    execute(postgres_url, "create schema mill", f"alter database {database} set search_path = mill")
    with closing(Store(postgres_url)) as store:
        store.prepare()
        grant_reader(store, role, "another")
    with closing(Store(as_role(postgres_url, role))) as reader, reader.reading() as connection:
        assert connection.scalar(text("select count(*) from emotion_by_day")) == 0
        assert connection.scalar(text("select current_schema()")) == "mill"
