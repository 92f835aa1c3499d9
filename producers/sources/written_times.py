"""Times as people and programs write them for people to read: month names, slashes, 12-hour clocks, zone names.

Each form is spelled out, and a text is a time only if nothing of it is left over: "1 year ago" names no moment.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from moodmill.producers.sources.time_forms import MONTH_FIRST

#: Characters: a time of JavaScript with the longest name of a zone fits. What is longer is no time.
_LONGEST = 100
#: Days that are kept as read, of some 100 bytes each: a dump holds each of its days many times.
_DAYS_KEPT = 4096

#: Hours east of Greenwich: RFC 822's, and names that one zone alone has (IST and BST are several).
_ZONES: Final = {
    **{"Z": 0, "UT": 0, "UTC": 0, "GMT": 0},
    **{"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7},
    **{"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "MEZ": 1, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3},
    **{"AKST": -9, "AKDT": -8, "HST": -10, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13},
}
_MONTHS: Final = {
    **{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10},
    **{"nov": 11, "dec": 12, "january": 1, "february": 2, "march": 3, "april": 4, "june": 6, "july": 7, "august": 8},
    **{"sept": 9, "september": 9, "october": 10, "november": 11, "december": 12},
}

#: A clock and its zone. Behind the offset stand its name (Go: +0200 CEST) or a comment (JavaScript, Java).
_CLOCK = re.compile(
    rf"""
    (\d\d?)([:.])(\d\d) (?:\2(\d\d) (?:[.,](\d{{1,9}}))? )?
    (?: \s?([AP])\.?M\b\.? )?
    (?: \s?(?:(?:UTC|GMT)\s?)? ([+-])(\d\d?)(?::?(\d\d))? (?!\d) (?:\s(?:[A-Z]{{3,5}}\b|[+-]\d\d(?:\d\d)?\b))?
      | \s?({"|".join(sorted(_ZONES, key=len, reverse=True))})\b
    )?
    (?: \s?(?:\([^()]*\)|\[[^\[\]]*\]) )?
    (?: \s m=[+-][\d.]+ )?
    (?= [\s,]|$ )
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: Where a clock with dots begins (Oracle's 05-OCT-22 07.11.00): only behind a date, for it may be one itself.
_DOTTED_CLOCK = re.compile(r"(?<=\d\s)\d\d?\.\d\d\b")

#: What stands between a date and a clock, besides "at" and the T of ISO 8601.
_BETWEEN = " ,-@·|\t\xa0\u202f"

_WEEKDAY = re.compile(r"(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+", re.IGNORECASE)
_NUMBERS = re.compile(r"(\d\d?|\d{4})([-/.])(\d\d?)\2(\d{4}|\d\d?)")
_NAMED = (
    # 5 October 2022, 5th of Oct. 2022, 05-OCT-22
    re.compile(
        r"(?P<day>\d\d?)(?:st|nd|rd|th|\.)?(?:\s+(?:of\s+)?|[-/])(?P<month>[a-z]{3,9})\.?"
        r"(?:,?\s+|[-/])(?P<year>\d{4}|\d\d)",
        re.IGNORECASE,
    ),
    # Oct 5, 2022, October-5th-2022
    re.compile(
        r"(?P<month>[a-z]{3,9})\.?(?:\s+|[-/])(?P<day>\d\d?)(?:st|nd|rd|th)?(?:,\s*|\s+|[-/])(?P<year>\d{4})",
        re.IGNORECASE,
    ),
    # 2022 Oct 5, 2022-Oct-05
    re.compile(r"(?P<year>\d{4})(?:\s+|[-/])(?P<month>[a-z]{3,9})(?:\s+|[-/])(?P<day>\d\d?)", re.IGNORECASE),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class NumericDate:
    """A date in numbers with its year at the end, of which it is open which number is the day."""

    #: None where there is no such day.
    day_first: date | None
    month_first: date | None
    #: A year of two digits may be a day, and the first number the year. That is never read without a format; it only
    #: makes the others ambiguous.
    year_first: date | None
    #: 25.12.2022, where the day is first unless an order says otherwise.
    dotted: bool

    @property
    def certain(self) -> date | None:
        """The date where it is the same whichever number is the day; None where it is not."""
        sure = {self.day_first} if self.dotted else {self.day_first, self.month_first}
        sure -= {None}
        return sure.pop() if sure and len((sure | {self.year_first}) - {None}) == 1 else None

    def by_order(self, order: str) -> date | None:
        """Return the date as DAY_FIRST or MONTH_FIRST has it. Raises ValueError where it contradicts the order."""
        wanted, other = self.day_first, self.month_first
        if order == MONTH_FIRST:
            wanted, other = other, wanted
        if wanted is None and other is not None:
            raise ValueError(f"expected times with the {order}, as --time-format or the first rows of the source say")
        return wanted


def read_written(text: str, order: str | None = None) -> datetime | None:
    """Return the moment in UTC that `text`, without blanks around it, names; None where it names none for sure.

    `order` is DAY_FIRST, MONTH_FIRST or None. Raises ValueError where a date in numbers contradicts it, OverflowError
    where the moment is none of datetime's in UTC.
    """
    if len(text) > _LONGEST:
        return None
    written, clock = _split(text)
    day = _day(written)
    if isinstance(day, NumericDate):
        try:
            day = day.by_order(order) if order else day.certain
        except ValueError as error:
            raise ValueError(f"{error}, found {text!r}") from None
    if day is None:
        return None
    if clock is None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    return _moment(day, clock)


def is_clock(text: str) -> bool:
    """Tell whether a text names a time of day, and no day."""
    return len(text) <= _LONGEST and _CLOCK.fullmatch(text.strip()) is not None


def at_clock(midnight: datetime, text: str) -> datetime | None:
    """Return the moment in UTC of a day at the time of day that `text` names; None where it names none."""
    clock = _CLOCK.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    return None if clock is None else _moment(midnight.date(), clock)


def numeric_date(text: str) -> NumericDate | None:
    """Return the date of a text that has it in numbers with the year at the end, None of any other text."""
    if len(text) > _LONGEST:
        return None
    day = _day(_split(text.strip())[0])
    return day if isinstance(day, NumericDate) else None


def _split(text: str) -> tuple[str, re.Match[str] | None]:
    """Return what a text has of a date, and its clock. Where they do not stand apart, all of it is the date."""
    start = _clock_start(text)
    clock = _CLOCK.match(text, start) if start is not None else None
    if clock is None:
        return text, None
    before = text[:start]
    if before and not before[-1].isspace():
        if before[-1] not in "Tt:" or not before[-2:-1].isdecimal():
            return text, None
        before = before[:-1]
    before = before.rstrip(_BETWEEN)
    if before[-3:].lower() == " at":
        before = before[:-3].rstrip(_BETWEEN)
    # Twitter, ctime and Java have the year behind the clock, others the whole date: "7:11 PM · Oct 5, 2022".
    return f"{before} {text[clock.end() :].lstrip(_BETWEEN)}".strip(), clock


def _clock_start(text: str) -> int | None:
    colon = text.find(":")
    if "." in text and (dotted := _DOTTED_CLOCK.search(text, 0, colon if colon >= 0 else len(text))):
        return dotted.start()
    if colon < 0:
        return None
    # 05/Oct/2022:07:11:00, as web servers log.
    if text[colon - 5 : colon - 4] == "/" and text[colon - 4 : colon].isdecimal():
        return colon + 1
    return max(colon - (2 if text[colon - 2 : colon].isdecimal() else 1), 0)


@lru_cache(maxsize=_DAYS_KEPT)
def _day(text: str) -> date | NumericDate | None:
    weekday = _WEEKDAY.match(text)
    if weekday:
        text = text[weekday.end() :]
    if numbers := _NUMBERS.fullmatch(text):
        return _numeric(*numbers.groups())
    for form in _NAMED:
        if (named := form.fullmatch(text)) and (month := _MONTHS.get(named["month"].lower())):
            return _date(_year(named["year"]), month, int(named["day"]))
    return None


def _numeric(first: str, mark: str, second: str, last: str) -> date | NumericDate | None:
    if len(first) == 4:
        return _date(int(first), int(second), int(last)) if len(last) <= 2 else None
    if len(last) == 1:
        return None
    year = _year(last)
    return NumericDate(
        day_first=_date(year, int(second), int(first)),
        month_first=_date(year, int(first), int(second)),
        year_first=_date(_year(first.zfill(2)), int(second), int(last)) if len(last) == 2 else None,
        dotted=mark == ".",
    )


def _moment(day: date, clock: re.Match[str]) -> datetime | None:
    hour, _, minute, second, fraction, half, sign, hours, minutes, zone = clock.groups()
    hour_of_24 = _hour_of_24(int(hour), half.upper()) if half else int(hour)
    microsecond = int(fraction[:6].ljust(6, "0")) if fraction else 0  # what is finer is cut off, as datetime does it
    try:
        tz = _offset(sign, int(hours), int(minutes or 0)) if sign else _named_zone(zone.upper()) if zone else UTC
        moment = datetime(
            day.year, day.month, day.day, hour_of_24, int(minute), int(second or 0), microsecond, tzinfo=tz
        )
    except ValueError:  # 25:00, or a zone a day away
        return None
    return moment if tz is UTC else moment.astimezone(UTC)


def _hour_of_24(hour: int, half: str) -> int:
    """Return the hour of the day; 24, which is none, for one that is no hour of its half."""
    if half == "A":
        return hour % 12 if hour <= 12 else 24
    if hour >= 12:  # 12 PM is noon, and some write 19:11 PM
        return hour
    return hour + 12 if hour else 24


@lru_cache(maxsize=64)
def _offset(sign: str, hours: int, minutes: int) -> timezone:
    east = timedelta(hours=hours, minutes=minutes)
    return timezone(-east if sign == "-" else east)


@lru_cache(maxsize=64)
def _named_zone(name: str) -> timezone:
    return timezone(timedelta(hours=_ZONES[name]))


def _year(digits: str) -> int:
    """Return a year, that of two digits as POSIX has it: from 1969 to 2068."""
    year = int(digits)
    if len(digits) == 4:
        return year
    return year + (2000 if year < 69 else 1900)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
