"""What the first rows tell of a column of times: which of day and month is first, and how fine its times are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from statistics import median_high

from moodmill.producers.sources.time_forms import DAY_FIRST, MONTH_FIRST
from moodmill.producers.sources.times import is_given, parse_time
from moodmill.producers.sources.written_times import NumericDate, is_clock, numeric_date

#: Above what any fineness adds up to: a column of which most values are read comes before all others.
_MOSTLY_READ = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundForm:
    """What the values of a column tell of the order of day and month in their dates."""

    #: DAY_FIRST or MONTH_FIRST, by the first value that can only be one; None where no value decides.
    order: str | None = None
    #: Where no value decides: the first that could be either, such as "10/5/2022 7:11". The column cannot be read then
    #: without a form that a person gives. None where there is none.
    ambiguous: str | None = None


def find_form(values: Iterable[object]) -> FoundForm:
    """Return what `values`, those of one column in the first rows, tell of the order of their dates."""
    ambiguous: str | None = None
    this_year = datetime.now(UTC).year
    for value in values:
        numeric = numeric_date(value) if isinstance(value, str) else None
        if numeric is None:
            continue
        if order := _order(numeric, this_year):
            return FoundForm(order=order)
        if ambiguous is None and numeric.certain is None and (numeric.day_first or numeric.month_first):
            ambiguous = str(value).strip()
    return FoundForm(ambiguous=ambiguous)


def fineness(values: Sequence[object], form: str | None = None) -> int:
    """Return how fine the times of a column are by its first rows, to be compared with other columns'; 0 for no times.

    Microseconds are finer than seconds, minutes and days, whatever is always zero left out. A column of which most
    values are missing or cannot be read is less than any other that has times.
    """
    levels = [_level(value, moment) for value in values if (moment := _read(value, form)) is not None]
    if not levels:
        return 0
    # Of most rows: a few do not make a column of days one of seconds, nor the few full minutes one of minutes.
    return median_high(levels) + (_MOSTLY_READ if 2 * len(levels) > len(values) else 0)


def are_days(values: Iterable[object], form: str | None = None) -> bool:
    """Tell whether the times of a column are days: at least one, and all of them at midnight."""
    moments = [moment for value in values if (moment := _read(value, form)) is not None]
    return bool(moments) and all(moment.time() == time.min for moment in moments)


def are_clocks(values: Iterable[object]) -> bool:
    """Tell whether a column holds times of day: at least one, and nothing else."""
    given = [str(value) for value in values if is_given(value)]
    return bool(given) and all(map(is_clock, given))


def _order(numeric: NumericDate, this_year: int) -> str | None:
    if numeric.month_first is None and numeric.day_first is not None:
        # 22-10-05 may be of the year 2022, but 31-10-05 of none yet.
        is_year = numeric.year_first is not None and numeric.year_first.year <= this_year
        return None if is_year else DAY_FIRST
    if numeric.day_first is None and numeric.month_first is not None:
        return MONTH_FIRST
    return None


def _read(value: object, form: str | None) -> datetime | None:
    try:
        return parse_time(value, form)
    except ValueError:  # contradicts the form
        return None


def _level(value: object, moment: datetime) -> int:
    """Return the part of a time that is no zero: 8 below a second, 6 second, 4 minute or hour, 2 none.

    One more where the value could hold such parts: a midnight in seconds since 1970 is finer than a day.
    """
    if moment.microsecond:
        level = 8
    elif moment.second:
        level = 6
    else:
        level = 4 if moment.hour or moment.minute else 2
    digits = str(value).strip().partition(".")[0]
    return level + (":" in digits or (digits.isdecimal() and len(digits) > 8))
