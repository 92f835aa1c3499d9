"""Behind PgBouncer in transaction pooling everything works: each transaction may run on another connection."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from moodmill.db.analytics.reads import status
from moodmill.db.analytics.retention import prune
from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import NOON, Made, at_once, classified, comments, rows
from tests.db.pooler import POOL, pgbouncer


@pytest.fixture
def pooled(postgres_url: str) -> Iterator[Store]:
    with pgbouncer(postgres_url) as url, closing(Store(url, 60)) as store:
        yield store


def test_a_run_from_an_empty_database_to_its_roll_ups(pooled: Store) -> None:
    pooled.prepare()
    register_model(pooled, "m", dict.fromkeys(EMOTIONS, 0.5))
    made = Made(pooled)
    calls = []
    for number in range(24):
        made.add(20)
        months = [
            replace(one, created_at=NOON - timedelta(days=31 * (number % 3)))
            for one in comments(range(20 * number, 20 * number + 20))
        ]
        calls.append(partial(made.store_chunk, number, classified(months)))
    assert at_once(*calls) == [True] * 24
    assert [made.store_chunk(number, classified(comments(range(20)))) for number in range(8)] == [False] * 8
    made.ledger.close_input(made.id)
    assert status(pooled, made.id).succeeded
    assert refresh(pooled) > 0
    assert len(rows(pooled)) == 480
    prune(pooled, datetime(2024, 3, 1, tzinfo=UTC).date())
    assert len(rows(pooled)) == 160


def test_one_statement_many_times_on_shared_connections(pooled: Store) -> None:
    def ask() -> set[int]:
        found = set()
        for _ in range(10):
            with pooled.reading() as connection:
                found.add(int(connection.scalar(text("select pg_backend_pid()")) or 0))
                assert connection.scalar(text("show transaction_isolation")) == "repeatable read"
                assert connection.scalar(text("select cast(:n as int)"), {"n": 3}) == 3
        return found

    backends = set().union(*at_once(ask, ask, ask, ask))
    assert 1 < len(backends) <= POOL
    with pooled.writing() as connection:  # nothing of a transaction stays for the next one
        assert connection.scalar(text("show transaction_isolation")) == "read committed"
