"""Days, as moments of UTC."""

from datetime import UTC, date, datetime, time


def midnight(day: date) -> datetime:
    """Return when a day begins."""
    return datetime.combine(day, time(), UTC)


def day_of(moment: datetime) -> date:
    """Return the day that begins at a moment. Raises ValueError where none does."""
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"expected a day of the years 1 to 9999 in UTC, got {moment.isoformat()}") from error
    if utc != midnight(utc.date()):
        raise ValueError(f"expected a day as 2024-03-31, since counts are by day in UTC, got {moment.isoformat()}")
    return utc.date()


def next_month(day: date) -> date:
    """Return the first day of the month after that of a day."""
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1, day=1)
