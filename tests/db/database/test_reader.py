"""The role that dashboards log in as reads results: no texts, no dead letters."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from sqlalchemy import text

from moodmill.db.core.errors import StoreError
from moodmill.db.database.reader import grant_reader
from moodmill.db.database.store import Store
from tests.db.builders import one_line

VIEWS = ("emotion_by_day", "emotion_by_subreddit_day", "emotion_by_subreddit_month", "comment_label")


@pytest.fixture
def role(postgres_store: Store) -> Iterator[str]:
    """The name of a role that is not there; it is the server's, and so taken away afterwards."""
    name = f"reader of {uuid4().hex[:12]}"
    yield name
    with postgres_store.writing() as connection:
        if connection.scalar(text("select 1 from pg_roles where rolname = :role"), {"role": name}):
            connection.execute(text(f'drop owned by "{name}"'))
            connection.execute(text(f'drop role "{name}"'))


def log_in(store: Store, role: str) -> Store:
    return Store(store.url.set(username=role, password=None).render_as_string(hide_password=False))


def test_a_reader_reads_results_and_no_texts_and_no_dead_letters(postgres_store: Store, role: str) -> None:
    grant_reader(postgres_store, role, "pass'secret")
    grant_reader(postgres_store, role, "another")  # as each start does
    reader = log_in(postgres_store, role)
    with reader.reading() as connection:
        for view in VIEWS:
            connection.execute(text(f"select * from {view}"))
        assert connection.scalar(text("show statement_timeout")) == "1min"
        for table in ("rollup_subreddit_day", "rollup_emotion_pair_day", "model", "alembic_version"):
            connection.execute(text(f"select * from {table}"))
        connection.execute(text("select comment_id, subreddit, created_at, joy from comment_emotion"))
    for forbidden in ("select text from comment_emotion", "select text_hash from comment_emotion", "select * from run"):
        with pytest.raises(StoreError, match="permission denied"), reader.reading() as connection:
            connection.execute(text(forbidden))
    for forbidden in ("select * from comment_emotion", "select * from dead_letter"):
        with pytest.raises(StoreError, match="permission denied"), reader.reading() as connection:
            connection.execute(text(forbidden))
    for forbidden in ("create table x (y int)", "update run set options = ''"):
        with pytest.raises(StoreError, match="read-only"), reader.reading() as connection:
            connection.execute(text(forbidden))
    reader.close()
    with postgres_store.reading() as connection:
        kept = connection.scalar(text("select rolpassword from pg_authid where rolname = :role"), {"role": role})
    assert str(kept).startswith("SCRAM-SHA-256$")


def test_a_role_that_may_do_more_is_left_alone(postgres_store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        grant_reader(postgres_store, "postgres", "another")
    assert "'postgres'" in one_line(refused.value)


def test_an_sqlite_file_has_no_readers(sqlite_store: Store) -> None:
    with pytest.raises(StoreError) as refused:
        grant_reader(sqlite_store, "reader", "another")
    assert "no roles" in one_line(refused.value)
