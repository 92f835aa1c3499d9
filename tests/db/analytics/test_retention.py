"""Old comments go, the roll-ups of their time stay, and new ones are counted as ever."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import delete, func, select

from moodmill.db.analytics import retention
from moodmill.db.analytics.retention import first_kept, prune
from moodmill.db.analytics.rollups import invalidate_all, refresh, stale
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import rollup_day, rollup_subreddit_month
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.clocks import clock_of, set_clock
from tests.db.builders import classified, comments, rows, stored
from tests.support import clean_environment

MOMENTS = [
    datetime(1985, 5, 5, tzinfo=UTC),
    datetime(2023, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2024, 1, 15, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    None,
]


def dated(first: int = 0) -> list[Comment]:
    of = comments(range(first, first + len(MOMENTS)))
    return [replace(one, created_at=moment) for one, moment in zip(of, MOMENTS, strict=True)]


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with a comment of each of the moments, not rolled up yet."""
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.5))
    stored(store, classified(dated()))
    return store


def counted(store: Store) -> int:
    with store.reading() as connection:
        return int(connection.scalar(select(func.sum(rollup_day.c.comments))) or 0)


def test_a_clock_that_is_ahead_of_the_store_lets_nothing_go(postgres_url: str, tmp_path: Path) -> None:
    program = (
        "import sys; from moodmill.db.analytics.retention import today; from moodmill.db.database.store import Store\n"
        "print(today(Store(sys.argv[1])))"
    )
    set_clock(tmp_path / "clock", 400 * 86_400)
    environment = clean_environment(**clock_of(tmp_path / "clock"))
    before = datetime.now(UTC).date()
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, postgres_url], env=environment, capture_output=True, text=True, check=True
    )
    assert before <= date.fromisoformat(done.stdout.strip()) <= datetime.now(UTC).date()


def test_comments_of_before_a_month_go_and_their_roll_ups_stay(filled: Store) -> None:
    heard: list[str] = []
    assert prune(filled, date(2024, 3, 1), heard.append) == 4
    assert heard[1:] == ["2023-12", "2024-01", "2024-02"]
    assert [row["created_at"] for row in rows(filled)] == MOMENTS[4:]
    assert (counted(filled), stale(filled)) == (6, [])
    assert prune(filled, date(2024, 3, 1)) == 0


def test_what_comes_late_for_a_day_that_was_let_go_is_stored_changes_no_roll_up_and_is_told(
    filled: Store, caplog: pytest.LogCaptureFixture
) -> None:
    prune(filled, date(2024, 3, 1))
    invalidate_all(filled)
    refresh(filled)
    assert not caplog.messages
    stored(filled, classified(dated(first=10)))
    refresh(filled)
    assert ["of 4 days" in said for said in caplog.messages] == [True]
    assert counted(filled) == 8  # one more of March, one more undated
    assert len(rows(filled)) == 8
    assert stale(filled) == []
    assert prune(filled, date(2024, 3, 1)) == 4
    assert counted(filled) == 8


def test_what_comes_in_while_roll_ups_are_brought_up_to_date_is_added_up_before_it_goes(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refresh_and_meet_a_writer(store: Store) -> int:
        done = refresh(store)
        monkeypatch.setattr(retention, "refresh", refresh)
        stored(store, classified(dated(first=10)))
        return done

    monkeypatch.setattr(retention, "refresh", refresh_and_meet_a_writer)
    prune(filled, date(2024, 3, 1))
    refresh(filled)
    assert counted(filled) == 12
    assert sum(row["comments"] for row in rows(filled, rollup_subreddit_month)) == 12


def test_another_model_and_other_days_of_that_time_are_counted_until_they_are_let_go_themselves(
    filled: Store, caplog: pytest.LogCaptureFixture
) -> None:
    # given a store that let a time go
    prune(filled, date(2024, 3, 1))
    # when another model labels it, and comments of the day after come in from an archive
    register_model(filled, "other", dict.fromkeys(EMOTIONS, 0.5))
    stored(filled, classified(dated(), model="other"))
    days_after = [
        replace(one, created_at=one.created_at and one.created_at + timedelta(days=1)) for one in dated(first=20)[:3]
    ]
    stored(filled, classified(days_after))
    # then roll-ups count them, and go on to do so when these are let go, too
    refresh(filled)
    assert counted(filled) == 15
    assert prune(filled, date(2024, 3, 1)) == 4
    invalidate_all(filled)
    refresh(filled)
    assert counted(filled) == 15
    assert sum(row["comments"] for row in rows(filled, rollup_subreddit_month)) == 15
    assert not caplog.messages


def test_months_of_closed_days_can_be_added_up_anew(filled: Store) -> None:
    prune(filled, date(2024, 3, 1))
    with filled.writing() as connection:
        connection.execute(delete(rollup_subreddit_month))
    invalidate_all(filled)
    refresh(filled)
    assert sum(row["comments"] for row in rows(filled, rollup_subreddit_month)) == 6


def test_an_earlier_month_does_not_open_what_is_closed(filled: Store) -> None:
    prune(filled, date(2024, 3, 1))
    prune(filled, date(2024, 1, 1))
    invalidate_all(filled)
    refresh(filled)
    assert counted(filled) == 6


@pytest.mark.parametrize(
    ("months", "first"),
    [(1, date(2024, 3, 1)), (3, date(2024, 1, 1)), (4, date(2023, 12, 1)), (10**6, date(1, 1, 1))],
)
def test_months_to_keep_are_counted_from_this_one(months: int, first: date) -> None:
    assert first_kept(date(2024, 3, 31), months) == first
