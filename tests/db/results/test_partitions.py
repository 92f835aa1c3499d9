"""The parts of the result rows in PostgreSQL, and what tells rows apart in every store."""

from datetime import UTC, datetime, timedelta
from threading import Thread

import msgspec
import pytest
from sqlalchemy import text

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import StoreError
from moodmill.db.database.store import Store
from moodmill.db.results import partitions
from tests.db.builders import Made, add_rows, at_once, classified, comments, one_line, rows, stored
from tests.support import wait_until

MARCH = datetime(2024, 3, 31, 23, 59, 59, 999_999, tzinfo=UTC)


def at(*moments: datetime | None) -> list[Comment]:
    """Return comments of these moments."""
    return [
        msgspec.structs.replace(one, created_at=moment)
        for one, moment in zip(comments(range(len(moments))), moments, strict=True)
    ]


def parts(store: Store) -> dict[str, int]:
    """Return the parts that hold rows, and how many."""
    with store.reading() as connection:
        found = connection.execute(text("select tableoid::regclass::text, count(*) from comment_emotion group by 1"))
        return {name.removeprefix("comment_emotion_"): n for name, n in found}


def test_rows_lie_in_the_part_of_their_month_in_utc(postgres_store: Store) -> None:
    moments = (MARCH, MARCH + timedelta(microseconds=1), datetime(2005, 12, 12, tzinfo=UTC), None)
    outside = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
    edges = (datetime(1990, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, 23, tzinfo=UTC))
    stored(postgres_store, classified(at(*moments, *outside, *edges)))
    assert parts(postgres_store) == {
        "2024_03": 1, "2024_04": 1, "2005_12": 1, "undated": 1, "early": 1, "late": 1, "1990_01": 1, "2099_12": 1,
    }  # fmt: skip


def test_a_query_over_some_time_reads_its_months_only(postgres_store: Store) -> None:
    stored(postgres_store, classified(at(MARCH, MARCH - timedelta(days=400))))
    with postgres_store.reading() as connection:
        march = "created_at >= '2024-03-01 00:00+00' and created_at < '2024-04-01 00:00+00'"
        said = "\n".join(connection.scalars(text(f"explain select * from comment_emotion where {march}")))
    assert "comment_emotion_2024_03" in said
    assert "2023" not in said
    assert "undated" not in said


def test_workers_begin_the_same_month_at_once(postgres_store: Store) -> None:
    made = Made(postgres_store)
    chunks = [made.add(3).number for _ in range(4)]

    def write(number: int) -> bool:
        of = [msgspec.structs.replace(one, created_at=MARCH) for one in comments(range(3 * number, 3 * number + 3))]
        return made.store_chunk(number, classified(of))

    assert at_once(*(lambda n=n: write(n) for n in chunks)) == [True] * 4
    assert parts(postgres_store) == {"2024_03": 12}


def test_a_month_that_cannot_begin_for_a_long_query_is_a_store_that_is_away_and_not_a_loss(
    postgres_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "50ms")
    made = Made(postgres_store)
    number = made.add(1).number
    with postgres_store.reading() as connection:
        connection.execute(text("select count(*) from comment_emotion"))
        with pytest.raises(StoreError) as refused:
            made.store_chunk(number, classified(at(MARCH)))
    assert "lock" in one_line(refused.value)
    assert made.store_chunk(number, classified(at(MARCH)))


def test_a_month_that_is_there_is_written_to_during_a_long_query(postgres_store: Store) -> None:
    stored(postgres_store, classified(at(MARCH)))
    made = Made(postgres_store)
    number = made.add(1).number
    later = msgspec.structs.replace(comments([7])[0], created_at=MARCH + timedelta(days=1))  # the month after it
    with postgres_store.reading() as connection:
        connection.execute(text("select count(*) from comment_emotion"))
        writing = Thread(target=made.store_chunk, args=(number, classified([later])))
        writing.start()
        wait_until(lambda: not writing.is_alive(), timeout=20)
    assert parts(postgres_store) == {"2024_03": 1, "2024_04": 1}


def test_a_comment_of_an_unknown_time_is_there_once(store: Store) -> None:
    for _ in range(2):
        add_rows(store, classified(at(None, MARCH)))
    assert [row["created_at"] for row in rows(store)] == [None, MARCH]


def test_records_of_one_id_and_of_different_times_are_two(store: Store) -> None:
    first, second = at(MARCH, MARCH + timedelta(days=1))
    add_rows(store, classified([first, msgspec.structs.replace(second, id=first.id)]))
    assert len(rows(store)) == 2
