"""What a person says of the way in which the times of a source are written: which number is the day, or a format."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from moodmill.db.core.errors import SettingError

DAY_FIRST: Final = "day first"
MONTH_FIRST: Final = "month first"

_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
#: Those of strptime without %c, %x and %X, which are each country's own, and %Z, which strptime reads and leaves out.
_DIRECTIVES = frozenset("aAwdbBmyYHIpMSfzjUWGuV%")
_YEARS = frozenset("yYG")
#: A moment whose day is no month and whose hour is past noon: what a format loses of it shows.
_PROBE = datetime(2022, 10, 25, 19, 11, 13, tzinfo=UTC)
_PARTS: dict[str, Callable[[datetime], object]] = {
    "year": lambda moment: moment.year,
    "month": lambda moment: moment.month,
    "day": lambda moment: moment.day,
}


def check_form(text: str) -> str:
    """Return the form of times that a person gave: DAY_FIRST, MONTH_FIRST or a format of strptime.

    Raises SettingError where it is none of them, or a format that names no day of a year.
    """
    order = " ".join(text.lower().replace("-", " ").replace("_", " ").split())
    if order in (DAY_FIRST, MONTH_FIRST):
        return order
    if fault := _fault(text):
        raise SettingError(
            "expected a time format such as '%d/%m/%Y %H:%M' (strptime's, with year, month and day), day-first or "
            f"month-first, found {text[:60]!r}: {fault}"
        )
    return text


def read_by_format(text: str, form: str) -> datetime | None:
    """Return the moment that `text` names by a format of strptime, in UTC where it has no zone; None if it is none."""
    try:
        moment = datetime.strptime(text, form)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def order_of(form: str) -> str | None:
    """Return which of day and month a format of strptime has first; None where its year is first or no order matters.

    A format of days first is contradicted by 12/25/2022 as well as DAY_FIRST itself is.
    """
    at = {directive: place for place, directive in enumerate(_DIRECTIVE.findall(form)) if directive in "dmYy"}
    day, month = at.get("d"), at.get("m")
    year = at.get("Y", at.get("y"))
    if day is None or month is None or year is None or year < max(day, month):
        return None
    return DAY_FIRST if day < month else MONTH_FIRST


def _fault(form: str) -> str | None:
    """Return what is wrong with a format of strptime."""
    directives = _DIRECTIVE.findall(form)
    if not directives:
        return "it has no directives such as %Y"
    for directive in directives:
        if directive == "Z":
            return "%Z names no zone for sure: write %z for +0100, or the letters themselves (UTC)"
        if directive not in _DIRECTIVES or not directive:
            return f"%{directive} is none of the directives that are known: %" + " %".join(sorted(_DIRECTIVES))
    if _YEARS.isdisjoint(directives):  # strptime warns of it from Python 3.13 on
        return "it names no year"
    try:
        again = datetime.strptime(_PROBE.strftime(form), form)
    except (ValueError, re.error) as error:
        return f"it does not read what it writes: {' '.join(str(error).split())}"
    for part, of in _PARTS.items():
        if of(again) != of(_PROBE):
            return f"it names no {part}"
    if "I" in directives and again.hour != _PROBE.hour:
        return "%I needs %p, which separates morning from evening"
    return None
