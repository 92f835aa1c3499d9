"""What a database's error means is told by its code: what passes by itself is waited for, and nothing else is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from moodmill.db.core.errors import StoreAwayError, StoreError
from moodmill.db.database.faults import Fault, fault_of
from moodmill.db.database.store import Store
from tests.db.builders import Made, one_line


def raise_with(store: Store, sqlstate: str) -> None:
    """Have the server itself raise an error of this SQLSTATE."""
    with store.writing() as connection:
        connection.exec_driver_sql(f"do $$ begin raise exception 'so it is' using errcode = '{sqlstate}'; end $$")


@contextmanager
def read_only(postgres_url: str) -> Iterator[None]:
    """Throw everybody out of a database, and let those who come again read only, as on a standby."""
    url = make_url(postgres_url)
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def set_to(value: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"alter database {url.database} set default_transaction_read_only = {value}"))

    set_to("on")
    with admin.connect() as connection:
        thrown_out = text("select pg_terminate_backend(pid) from pg_stat_activity where datname = :name")
        connection.execute(thrown_out, {"name": url.database})
    try:
        yield
    finally:
        set_to("off")
        admin.dispose()


def test_what_passes_by_itself_is_a_store_that_is_away(postgres_url: str) -> None:
    passing = ["08006", "08P01", "25006", "25P03", "25P04", "40001", "40P01", "53100", "53200", "53300", "55000"]
    passing += ["55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58030", "72000"]
    with closing(Store(postgres_url)) as store:
        for sqlstate in passing:
            with pytest.raises(StoreAwayError, match="so it is"):
                raise_with(store, sqlstate)


def test_what_a_person_has_to_mend_is_said_and_not_waited_for(postgres_url: str) -> None:
    with closing(Store(postgres_url)) as store:
        for sqlstate in ("42501", "42P01", "3F000", "XX001"):
            with pytest.raises(StoreError) as refused:
                raise_with(store, sqlstate)
            assert not isinstance(refused.value, StoreAwayError)
            assert "so it is" in one_line(refused.value)


def test_what_lies_with_a_value_or_with_us_stays_what_it_is(postgres_url: str) -> None:
    refused = dict.fromkeys(("22021", "23514", "40002", "54000", "P0001"), Fault.REFUSED)
    with closing(Store(postgres_url)) as store:
        for sqlstate, fault in (refused | dict.fromkeys(("42601", "XX000"), Fault.DEFECT)).items():
            with pytest.raises(DBAPIError) as raised:
                raise_with(store, sqlstate)
            assert fault_of(raised.value) is fault


def test_a_failover_is_waited_for_on_a_new_connection(postgres_url: str) -> None:
    with closing(Store(postgres_url)) as store:
        store.prepare()
        with read_only(postgres_url):
            with pytest.raises(StoreAwayError):  # the connection is gone
                Made(store)
            with pytest.raises(StoreAwayError, match="read-only"):
                Made(store)
        Made(store)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, Fault.AWAY),
        (sqlite3.SQLITE_LOCKED_SHAREDCACHE, Fault.AWAY),
        (sqlite3.SQLITE_IOERR_FSYNC, Fault.AWAY),
        (sqlite3.SQLITE_CANTOPEN, Fault.AWAY),
        (sqlite3.SQLITE_FULL, Fault.AWAY),
        (sqlite3.SQLITE_READONLY_DBMOVED, Fault.UNUSABLE),
        (sqlite3.SQLITE_CORRUPT_INDEX, Fault.UNUSABLE),
        (sqlite3.SQLITE_TOOBIG, Fault.REFUSED),
        (sqlite3.SQLITE_CONSTRAINT_TRIGGER, Fault.REFUSED),
        (sqlite3.SQLITE_MISUSE, Fault.DEFECT),
    ],
)
def test_of_sqlite_extended_codes_mean_what_their_primary_code_means(code: int, fault: Fault) -> None:
    error = sqlite3.DatabaseError("so it is")
    error.sqlite_errorcode = code
    assert fault_of(error) is fault


def test_a_locked_sqlite_file_is_away(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moodmill.db.database.sqlitefile.BUSY_MS", 10)
    with closing(Store(sqlite_url)) as store:
        store.prepare()
        with closing(sqlite3.connect(store.shown, isolation_level=None)) as other:
            other.execute("begin immediate")
            with pytest.raises(StoreAwayError, match="locked"):
                Made(store)
        Made(store)


def test_a_damaged_sqlite_file_is_not_waited_for(sqlite_store: Store) -> None:
    Made(sqlite_store)
    with closing(sqlite3.connect(sqlite_store.shown)) as other:
        other.execute("pragma wal_checkpoint(truncate)")
    sqlite_store.close()
    with open(sqlite_store.shown, "r+b") as file:  # noqa: PTH123
        file.seek(100)
        file.write(b"\xff" * 100_000)
    with pytest.raises(StoreError, match="malformed") as damaged:
        Made(sqlite_store)
    assert not isinstance(damaged.value, StoreAwayError)
