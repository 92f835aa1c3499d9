"""When a comment was written: the moment in UTC that a field of a record names, whatever program wrote it."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from moodmill.producers.sources.time_forms import order_of, read_by_format
from moodmill.producers.sources.written_times import read_written

#: Seconds since 1970, from 1980 to 2099. In milliseconds a time is a thousand times as much, and so on: no number is a
#: time in two units, and those between are no times.
_FIRST, _END = 315_532_800, 4_102_444_800
#: Nanoseconds begin in 1990: below, as 100 nanoseconds since 1601 or since the year 1, are our times in Windows' files
#: and .NET's ticks.
_FIRST_NANOSECOND = 650_000_000_000_000_000
#: Days of Excel, from 1970 to 2099. No comment is as old as so many seconds of 1970.
_FIRST_EXCEL, _END_EXCEL = 25_569, 73_051
_EXCEL_ZERO: Final = datetime(1899, 12, 30, tzinfo=UTC)
_MS_PER_DAY = 86_400_000
#: How many digits a date without marks has, alone and with minutes, seconds, milli- and microseconds. None of these
#: numbers counts anything since 1970.
_COMPACT: Final = (8, 12, 14, 17, 20)
#: With an exponent and fewer digits (1.665E+12) a number was rounded by a spreadsheet: its seconds are lost.
_DIGITS_OF_EXPONENT = 8

_NUMBER = re.compile(r"\+?(?P<digits>[1-9]\d*(?:\.\d*)?)(?P<exponent>[eE][+-]?\d{1,3})?", re.ASCII)
#: What stands behind the date of ISO 8601.
_BETWEEN = frozenset(("", " ", "T", "t"))
#: How programs write that there is none, in small letters; MySQL's last.
_MISSING = frozenset(
    ("", "-", "--", "nan", "nat", "na", "n/a", "<na>", "#n/a", "null", "(null)", "\\n", "none", "nil", "undefined")
) | {"0000-00-00", "0000-00-00 00:00:00"}


def parse_time(value: object, form: str | None = None) -> datetime | None:
    """Return the moment in UTC that `value` names, None where it names none or more than one.

    Numbers are seconds since 1970, milli-, micro- or nanoseconds by their size, days of Excel, or digits of a date
    (20221005). Texts hold such numbers, ISO 8601 or what written_times knows; what names no zone is UTC. `form` is what
    check_form returns, or what the first rows tell: by it a date such as 10/5/2022 is read, and without one it is none.

    Raises ValueError where a date contradicts the form's order of day and month.
    """
    if form is not None and "%" in form:
        moment = _by_format(value, form)
        if moment is not None:
            return moment
        form = order_of(form)
    try:
        match value:
            case str():
                return _of_text(value.strip(), form)
            case bool():
                return None
            case int() | float():
                return _of_number(value)
            case datetime():
                return None if value != value else _in_utc(value)  # NaT of pandas is a datetime
            case date():
                return datetime(value.year, value.month, value.day, tzinfo=UTC)
            case Decimal():
                return _of_decimal(value)
    except OverflowError:  # a year that datetime cannot hold
        return None
    return None


def is_given(value: object) -> bool:
    """Whether a field holds what should be a time: no null, no NaN, and no word or zero that stands for them."""
    match value:
        case None:
            return False
        case str():
            return value.strip().lower() not in _MISSING
        case Decimal():
            return not value.is_nan()
        case float() | datetime():
            return value == value  # NaN and NaT are not
    return True


def _by_format(value: object, form: str) -> datetime | None:
    match value:
        case str():
            return read_by_format(value.strip(), form)
        case int() if not isinstance(value, bool):
            return read_by_format(str(value), form)
    return None


def _of_text(text: str, order: str | None) -> datetime | None:
    if text.isdecimal():
        # 051022 is a date of some order, and no number of days.
        return _of_number(int(text)) if text[0] != "0" and len(text) <= _COMPACT[-1] else None
    if len(text) > 9 and (text[10:11] in _BETWEEN or text[8] in _BETWEEN):
        try:
            # BigQuery, pandas and Go write the zone as a word as well.
            return _of_iso(text[:-4] if text[-4:] == " UTC" else text)
        except ValueError:
            pass  # "10/05/2022" looks like it
    if number := _NUMBER.fullmatch(text):
        if number["exponent"] and sum(map(str.isdigit, number["digits"])) < _DIGITS_OF_EXPONENT:
            return None
        return _of_decimal(Decimal(text))
    return read_written(text, order)


def _of_iso(text: str) -> datetime:
    """Raises ValueError where datetime reads no ISO 8601 in `text`."""
    if len(text) == 19:  # 2022-10-05 07:11:00: the most frequent
        return datetime.fromisoformat(text + "Z")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        # Takes a fifth of what replace takes.
        return datetime.fromisoformat(text + ("Z" if len(text) > 10 else "T00Z"))
    zone = len(text) - 1 if text[-1] == "Z" else max(text.rfind("+"), text.rfind("-"))
    if not (text[zone - 1].isdecimal() or text[zone - 1] == " "):
        raise ValueError(f"expected a zone behind the clock, found {text!r}")  # datetime skips one character there
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _of_number(number: int | float) -> datetime | None:  # noqa: PYI041 - mypy wants both
    if _FIRST <= number < _END:
        return datetime.fromtimestamp(number, UTC)
    if _FIRST_EXCEL <= number < _END_EXCEL:
        # Excel counts milliseconds, of which a fraction of a day is near.
        return _EXCEL_ZERO + timedelta(milliseconds=round(number * _MS_PER_DAY))
    if isinstance(number, float):
        if number.is_integer():
            return _of_number(int(number))
    elif 0 < number < 10 ** _COMPACT[-1] and (moment := _of_compact(str(number))):
        return moment
    # Seconds as float are exact to less than half a microsecond.
    if 1_000 * _FIRST <= number < 1_000 * _END:
        return datetime.fromtimestamp(number / 1_000, UTC)
    if 1_000_000 * _FIRST <= number < 1_000_000 * _END:
        return datetime.fromtimestamp(number / 1_000_000, UTC)
    if _FIRST_NANOSECOND <= number < 1_000_000_000 * _END:
        return datetime.fromtimestamp(number // 1_000 / 1_000_000, UTC)
    return None


def _of_compact(digits: str) -> datetime | None:
    if len(digits) not in _COMPACT or digits[:2] not in ("19", "20"):
        return None
    fraction = "." if len(digits) > 14 else ""
    try:
        return datetime.fromisoformat(f"{digits[:8]}T{digits[8:14] or '00'}{fraction}{digits[14:]}Z")
    except ValueError:
        return None


def _of_decimal(number: Decimal) -> datetime | None:
    if not number.is_finite() or number.adjusted() > _COMPACT[-1]:
        return None
    return _of_number(int(number) if number == number.to_integral_value() else float(number))


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
