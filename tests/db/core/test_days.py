"""Days begin at midnight in UTC."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from moodmill.db.core.days import day_of, midnight, next_month


def test_a_day_is_of_the_moment_that_it_begins_at() -> None:
    day = date(2024, 2, 29)
    assert midnight(day) == datetime(2024, 2, 29, tzinfo=UTC)
    assert day_of(midnight(day)) == day


def test_a_moment_of_another_zone_is_of_the_day_that_begins_then_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    assert day_of(datetime(2024, 3, 1, 2, tzinfo=east)) == date(2024, 3, 1)
    with pytest.raises(ValueError, match=r"2024-03-01T00:00:00\+02:00"):
        day_of(datetime(2024, 3, 1, tzinfo=east))


@pytest.mark.parametrize("after", [timedelta(microseconds=1), timedelta(hours=12), timedelta(hours=23, minutes=59)])
def test_a_moment_at_which_no_day_begins_is_refused(after: timedelta) -> None:
    with pytest.raises(ValueError, match="expected a day as 2024-03-31"):
        day_of(midnight(date(2024, 3, 1)) + after)


@pytest.mark.parametrize(
    ("day", "after"),
    [
        (date(2024, 1, 1), date(2024, 2, 1)),
        (date(2024, 1, 31), date(2024, 2, 1)),
        (date(2024, 11, 30), date(2024, 12, 1)),
        (date(2024, 12, 31), date(2025, 1, 1)),
        (date(1, 12, 5), date(2, 1, 1)),
    ],
)
def test_the_next_month_begins_with_its_first_day(day: date, after: date) -> None:
    assert next_month(day) == after


def test_no_month_follows_the_last_that_there_is() -> None:
    with pytest.raises(ValueError, match="year"):
        next_month(date(9999, 12, 1))
