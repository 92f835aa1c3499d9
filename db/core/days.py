"""Days, as moments of UTC."""

from datetime import UTC, date, datetime, time


def midnight(day: date) -> datetime:
    """Return when a day begins."""
    return datetime.combine(day, time(), UTC)
