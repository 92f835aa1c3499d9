"""A connection that stays open and never answers is given up, and the next one works."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import msgspec
import pytest
from sqlalchemy import make_url, text

from moodmill.db.core.errors import StoreAwayError
from moodmill.db.core.retry import with_retries
from moodmill.db.database.store import Store
from moodmill.db.results.writer import write_rows
from tests.db.builders import ENGINE, Made, add_rows, classified, comments, one_line, rows
from tests.faults.servers import Proxy

LIMIT_S = 0.5


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Proxy]:
    folder = make_url(postgres_url).query.get("host")
    if not isinstance(folder, str):
        pytest.skip("DATABASE_URL names a server on TCP")
    with closing(Proxy(f"{folder}/.s.PGSQL.5432")) as opened:
        yield opened


@pytest.fixture
def store(postgres_url: str, proxy: Proxy) -> Iterator[Store]:
    """A store behind the proxy, ready: made without a limit, for migrations are long and machines halt."""
    with closing(Store(postgres_url)) as unlimited:
        unlimited.prepare()
    direct = make_url(postgres_url).difference_update_query(["host"])
    url = direct.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    with closing(Store(url, LIMIT_S)) as opened:
        with opened.reading() as connection:  # which it keeps, idle
            connection.execute(text("select 1"))
        yield opened


def test_an_idle_connection_that_falls_silent_is_replaced(
    store: Store, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("moodmill.db.database.answers.SAID_AFTER_S", 0.1)
    proxy.fall_silent()
    began = time.monotonic()
    Made(store)
    assert LIMIT_S <= time.monotonic() - began < 10
    [said] = [record.message for record in caplog.records if record.name == "moodmill.db.database.answers"]
    assert said == f"no answer from the store {store.shown} for 0.1 s; after 0.5 s its connection is given up"


def test_rows_can_be_streamed(store: Store) -> None:
    with store.reading() as connection:
        rows = connection.execution_options(yield_per=2).execute(text("select generate_series(1, 5)"))
        assert [*rows.scalars()] == [1, 2, 3, 4, 5]


def test_a_transaction_that_falls_silent_is_given_up_and_the_next_one_works(store: Store, proxy: Proxy) -> None:
    def fall_silent_in_the_middle() -> None:
        with store.writing() as connection:
            connection.execute(text("select 1"))
            proxy.fall_silent()
            connection.execute(text("select 1"))

    with pytest.raises(StoreAwayError) as away:
        fall_silent_in_the_middle()
    assert "no answer for 0.5 s" in one_line(away.value)
    Made(store)


@pytest.mark.parametrize("in_rows", [False, True])
def test_what_the_server_still_holds_for_a_connection_that_was_given_up_is_let_go(
    store: Store, proxy: Proxy, in_rows: bool
) -> None:
    made = Made(store)
    made.add(1)
    text_ = "x" * 100_000  # of 200 rows more than what lies on the way can hold
    long = [msgspec.structs.replace(one, text=text_) for one in comments(range(200))]

    def fall_silent_with_a_lock() -> None:
        with store.writing() as connection:
            connection.execute(text("select * from chunk for update"))
            if in_rows:
                proxy.fall_silent_at(b"copy incoming")
                write_rows(connection, classified(long, keep_text=True))
            proxy.fall_silent()
            connection.execute(text("select 1"))

    with pytest.raises(StoreAwayError, match="no answer"):
        fall_silent_with_a_lock()
    begin = partial(made.ledger.begin, made.id, 0, "worker", ENGINE)
    tried = with_retries(begin, StoreAwayError, lambda _: None, "a chunk")
    assert tried == []  # nobody else began it
    assert rows(store) == []
    assert add_rows(store, classified(comments(range(3)))) == 3


def test_a_statement_within_the_limit_is_waited_for(store: Store) -> None:
    with store.reading() as connection:
        for _ in range(2):  # together longer than the limit, and each is an answer
            connection.execute(text("select pg_sleep(0.35)"))


def test_without_a_limit_a_statement_may_take_as_long_as_it_takes(postgres_store: Store) -> None:
    with postgres_store.reading() as connection:
        connection.execute(text("select pg_sleep(0.7)"))
