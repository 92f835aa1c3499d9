"""What is left to do, and how fast it gets less."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update

from moodmill.db.analytics.backlog import LEFT, backlog, runs_under_way
from moodmill.db.database.schema import chunk, run
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import RecordRange
from tests.db.builders import Made, classified, comments, letter


def add_read(made: Made, number: int, size: int, bytes_read: int) -> None:
    """Add a chunk of so many comments, with which a source of 5 GB is read up to there."""
    first = number * size
    found = RecordRange(first=first, stop=first + size, records=size, comments=comments(range(size)))
    made.ledger.add_chunk(made.id, number, 0, found, bytes_read)


def test_an_empty_store_has_nothing_left(store: Store) -> None:
    left = backlog(store)
    assert (left.pending_chunks, left.failed_chunks, left.dead_letters, left.stale_periods) == (0, 0, 0, 0)
    assert left.oldest_pending_at is None
    assert runs_under_way(store, datetime.now(UTC)) == []


def test_what_all_runs_have_left_is_counted_together(store: Store) -> None:
    begun = datetime.now(UTC)
    one, other = Made(store), Made(store)
    one.add(3, dead=[letter(5), letter(6)])
    one.add(2)
    one.add(1)
    one.store_chunk(0, classified(comments(range(3))))
    one.ledger.fail(one.id, 1, "out of memory")
    other.add(4, dead=[letter(9)])
    left = backlog(store)
    assert (left.pending_chunks, left.failed_chunks, left.dead_letters, left.stale_periods) == (2, 1, 3, 1)
    assert left.oldest_pending_at is not None
    assert begun <= left.oldest_pending_at <= datetime.now(UTC)


def test_a_chunk_that_is_tried_again_is_as_old_as_its_new_try(store: Store) -> None:
    made, long_ago = Made(store), datetime.now(UTC) - timedelta(days=7)
    made.add(3)
    with store.writing() as connection:
        connection.execute(update(chunk).values(added_at=long_ago))
    assert backlog(store).oldest_pending_at == long_ago
    made.ledger.fail(made.id, 0, "out of memory")
    assert backlog(store).oldest_pending_at is None
    made.ledger.retry(made.id, 0)
    oldest = backlog(store).oldest_pending_at
    assert oldest is not None
    assert oldest > long_ago + timedelta(days=6)


def test_a_run_under_way_tells_its_share_its_speed_and_what_is_left(store: Store) -> None:
    # given a run that was opened a minute ago, and has read half of its source
    made, now = Made(store, ["RC_x"]), datetime.now(UTC)
    with store.writing() as connection:
        connection.execute(update(run).values(created_at=now - timedelta(seconds=60)))
    add_read(made, 0, 30, 1_500_000_000)
    add_read(made, 1, 20, 2_500_000_000)
    # when three of its five tens of comments are classified
    made.store_chunk(0, classified(comments(range(30))))
    [pace] = runs_under_way(store, now)
    # then
    assert (pace.id, pace.sources, pace.classified, pace.pending_chunks) == (made.id, ("RC_x",), 30, 1)
    assert pace.share == pytest.approx(0.5 * 0.6)
    assert pace.speed == pytest.approx(30 / 60)
    assert pace.seconds_left == pytest.approx(70 / 0.5)
    # and later, when nothing more was done, nobody can say how long it takes
    [pace] = runs_under_way(store, now + timedelta(hours=1))
    assert (pace.speed, pace.seconds_left) == (0, None)


def test_a_run_that_is_all_done_is_not_under_way(store: Store) -> None:
    made = Made(store)
    add_read(made, 0, 3, 5_000_000_000)
    made.ledger.end_source(made.id, 0)
    made.ledger.close_input(made.id)
    assert [pace.share for pace in runs_under_way(store, datetime.now(UTC))] == [0]
    made.store_chunk(0, classified(comments(range(3))))
    assert runs_under_way(store, datetime.now(UTC)) == []


def test_what_is_left_is_found_without_a_look_at_what_is_done(postgres_store: Store) -> None:
    made = Made(postgres_store)
    made.add(3)
    done = """
        insert into chunk
        (run_id, number, source_number, first, stop, records, comments, replay, state, classified, new_rows)
        select run_id, n, 0, 0, 0, 0, 0, false, 'done', 0, 0 from chunk, generate_series(1, 20000) n
    """
    with postgres_store.writing() as connection:
        connection.execute(text(done))
        connection.execute(text("analyze chunk"))
        plan = "\n".join(connection.scalars(text(f"explain {LEFT.compile(postgres_store.engine)}")))
    assert "chunk_left" in plan
    assert backlog(postgres_store).pending_chunks == 1
