"""Times whatever way they are written: each names its moment, and what names none, or more than one, is none."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.producers.sources.time_forms import DAY_FIRST, MONTH_FIRST
from moodmill.producers.sources.times import is_given, parse_time
from tests.texts import NASTY, several

MOMENT = datetime(2015, 11, 3, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1446553800,
        1446553800.0,
        Decimal(1446553800),
        Decimal("1446553800.000"),
        "1446553800",
        " 1446553800 ",
        "+1446553800",
        "1446553800.0",
        "1.4465538e9",
        1446553800_000,
        "1446553800000",
        1446553800_000_000,
        1446553800_000_000.0,
        1446553800_000_000_000,
        "1446553800000000000",
        Decimal("1446553800000000000"),
        20151103123000,
        "20151103123000",
        "201511031230",
        "20151103123000000",
        "20151103T123000Z",
        "20151103 1230",
        42311.520833333336,
        "42311.5208333333",
        "2015-11-03T12:30:00",
        "2015-11-03T12:30:00Z",
        "2015-11-03t12:30:00z",
        "2015-11-03 12:30",
        "2015-11-03 12:30:00.000000000",
        "2015-11-03 13:30:00+01:00",
        "2015-11-03T13:30:00.000+0100",
        "2015-11-03T04:30:00.000-08",
        "2015-11-03T13:30:00+01:00[Europe/Berlin]",
        "2015-11-03 12:30:00 UTC",
        "2015-11-03 12:30:00 +0000 UTC",
        "2015-11-03 12:30:00.000000001 +0000 UTC m=+0.000000001",
        "2015-11-03 13:30:00 +0100 CET",
        "2015-11-03 15:30:00 +0300 +03",
        "2015-11-03 13:30:00 CET",
        "2015-11-3 12:30",
        "2015/11/03 12:30:00",
        "2015/11/3 12:30 PM",
        "2015.11.03 12:30",
        "03.11.2015 12:30",
        "3.11.2015, 12:30:00",
        "Tue Nov 03 12:30:00 +0000 2015",
        "Tue Nov 03 04:30:00 PST 2015",
        "Tue Nov  3 12:30:00 2015",
        "Tue Nov 03 2015 13:30:00 GMT+0100 (Central European Standard Time)",
        "Tue, 03 Nov 2015 12:30:00 GMT",
        "Tue, 3 Nov 2015 07:30:00 -0500 (EST)",
        "3 Nov 15 12:30 UT",
        "Nov 3, 2015 12:30",
        "Nov. 3, 2015, 12:30 p.m.",
        "November 3rd, 2015 at 12:30 PM",
        "Tuesday, November 3, 2015 12:30:00\u202fPM",
        "Nov 3, 2015 @ 12:30:00.000",
        "3 November 2015 12:30",
        "3rd of November, 2015 12:30",
        "03-Nov-15 12:30 PM",
        "03-NOV-15 12.30.00.000000 PM",
        "03-NOV-15 01.30.00.000000 PM +01:00",
        "2015 Nov 3 12:30",
        "03/Nov/2015:12:30:00 +0000",
        "12:30 PM · Nov 3, 2015",
        "12:30 PM - 3 Nov 2015",
        "12:30 3.11.2015",
        datetime(2015, 11, 3, 12, 30),
        datetime(2015, 11, 3, 14, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_time_is_read_as_utc(value: object) -> None:
    assert parse_time(value) == MOMENT
    assert getattr(parse_time(value), "tzinfo", None) is UTC


@pytest.mark.parametrize(
    "value",
    [
        *(
            "2015-11-03",
            " 2015-11-03\n",
            "2015-W45-2",
            "20151103",
            20151103,
            20151103.0,
            "42311",
            42311,
            Decimal(42311),
        ),
        *("03.11.2015", "2015/11/03", "Nov 3, 2015", "3 November 2015", "03-Nov-2015", "Tuesday, 3. Nov 2015"),
        date(2015, 11, 3),
    ],
)
def test_a_date_is_its_first_moment(value: object) -> None:
    assert parse_time(value) == datetime(2015, 11, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        *(("12:30 AM", 0), ("1:30 am", 1), ("11:30 AM", 11), ("12:30 PM", 12), ("1:30pm", 13), ("11:30 P.M.", 23)),
        *(("19:30 PM", 19), ("0:30 AM", 0), ("19:30", 19)),
    ],
)
def test_a_clock_of_12_hours_is_read_by_its_half(written: str, hour: int) -> None:
    assert parse_time(f"Nov 3, 2015 {written}") == datetime(2015, 11, 3, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        "",
        "soon",
        *(
            "1 year ago",
            "yesterday",
            "Today at 7:11 PM",
            "5",
            "12",
            "2015",
            "201511",
            "12:30",
            "Nov 2015",
            "3 Nov",
            "Nov 3",
        ),
        *("2015-11", "2015-W45", "2015-11-03-07:00", "2015-11-03 12:30 or so", "by 2015-11-03", "2015-11-03x12:30:00"),
        *("2015-13-03", "2015-02-30", "30.02.2015", "2015-11-03 25:00", "Nov 3, 2015 13:30 AM", "Nov 3, 2015 0:30 PM"),
        *(
            "2015-11-03 12:30 +2500",
            "2015-11-03 12:30:00x+0000",
            "2015-11-03 12:30:00xZ",
            "2015-11-03 12:30p+0000",
            "2015-11-03 12:30 IST",
        ),
        *("3/11/2015/4", "3/11-2015", "3/11/5", "3 Mai 2015", "003/11/2015"),
        "1_000",
        "nan",
        "inf",
        "1e999",
        *(0, 1, -1, 99, 2015, 202_231_055, 5_000_000_000, 50_000_000_000_000, -1446553800, "-1446553800"),
        *("0", "00", "051022", "051022.0", "01446553800", "03112015", "20112015"),
        # Windows' file times, .NET's ticks and what a spreadsheet leaves of milliseconds.
        *(130_910_274_000_000_000, 635_821_506_000_000_000, "1.44655E+12"),
        float("nan"),
        float("inf"),
        -math.inf,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("1e999999"),
        10**30,
        "9" * 5000,
        "2015-11-03 " + " " * 1000 + "12:30",
        "0001-01-01T00:00:00+14:00",
        "1 Jan 0001 00:00 +1400",
        "31 Dec 9999 23:00 -0500",
        [1446553800],
        {"$date": 1446553800},
        b"1446553800",
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    assert parse_time(value) is None


def test_what_is_finer_than_a_microsecond_is_cut_off() -> None:
    expected = MOMENT.replace(microsecond=123456)
    for written in ("2015-11-03 12:30:00.123456789", "2015-11-03T12:30:00.123456789Z", "1446553800123456789"):
        assert parse_time(written) == expected
    assert parse_time(1446553800_123456_789) == parse_time("Nov 3, 2015 12:30:00.123456789") == expected


@pytest.mark.parametrize(
    ("value", "day_first", "month_first"),
    [
        ("10/5/2022 7:11", (2022, 5, 10, 7, 11), (2022, 10, 5, 7, 11)),
        ("10/05/2022 07:11:00 PM", (2022, 5, 10, 19, 11), (2022, 10, 5, 19, 11)),
        ("05-10-22", (2022, 10, 5), (2022, 5, 10)),
        ("05-10-99", (1999, 10, 5), (1999, 5, 10)),
        ("Wed 5/10/2022", (2022, 10, 5), (2022, 5, 10)),
        ("5/10/22, 7:11", (2022, 10, 5, 7, 11), (2022, 5, 10, 7, 11)),
        # The year may be the first.
        ("05/05/22", (2022, 5, 5), (2022, 5, 5)),
        ("05.10.22", (2022, 10, 5), (2022, 5, 10)),
    ],
)
def test_a_date_of_either_order_is_read_by_the_form_alone(
    value: str, day_first: tuple[int, ...], month_first: tuple[int, ...]
) -> None:
    assert parse_time(value) is None
    assert parse_time(value, DAY_FIRST) == datetime(*day_first, tzinfo=UTC)  # type: ignore[misc, arg-type]
    assert parse_time(value, MONTH_FIRST) == datetime(*month_first, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("value", "month", "day", "against"),
    [
        ("12/25/2022", 12, 25, DAY_FIRST),
        ("12-25-22", 12, 25, DAY_FIRST),
        ("25/12/2022", 12, 25, MONTH_FIRST),
        ("25.12.2022", 12, 25, MONTH_FIRST),
    ],
)
def test_a_date_of_one_order_needs_no_form_and_contradicts_the_other(
    value: str, month: int, day: int, against: str
) -> None:
    other = MONTH_FIRST if against == DAY_FIRST else DAY_FIRST
    assert parse_time(value) == parse_time(value, other) == datetime(2022, month, day, tzinfo=UTC)
    for _ in range(2):  # what was read before is kept
        with pytest.raises(ValueError, match=f"the {against}, as --time-format .* found '{value} 7:11'"):
            parse_time(f"{value} 7:11", against)


@pytest.mark.parametrize("form", [DAY_FIRST, MONTH_FIRST, "%d/%m/%Y %H:%M", "%m/%d/%y"])
@pytest.mark.parametrize(
    "value", [1446553800, "1446553800", "2015-11-03 12:30:00", "Nov 3, 2015 12:30", "2015/11/3 12:30"]
)
def test_a_form_does_not_matter_to_what_is_unambiguous(value: object, form: str) -> None:
    assert parse_time(value, form) == MOMENT


@pytest.mark.parametrize("form", [DAY_FIRST, MONTH_FIRST, "%d/%m/%Y %H:%M"])
@pytest.mark.parametrize("value", ["soon", "31/02/2022", "13/13/2022", "99/10/05", "", None])
def test_what_is_no_date_by_any_order_is_none(value: object, form: str) -> None:
    assert parse_time(value, form) is None


def test_a_format_is_tried_first() -> None:
    assert parse_time("2022-05-10", "%Y-%d-%m") == datetime(2022, 10, 5, tzinfo=UTC)
    assert parse_time("22-10-05", "%y-%m-%d") == datetime(2022, 10, 5, tzinfo=UTC)
    assert (
        parse_time(2022100507, "%Y%m%d%H")
        == parse_time("2022100507", "%Y%m%d%H")
        == datetime(2022, 10, 5, 7, tzinfo=UTC)
    )
    assert parse_time("5|10|2022 09:11 +0200", "%d|%m|%Y %H:%M %z") == datetime(2022, 10, 5, 7, 11, tzinfo=UTC)
    assert parse_time(True, "%d") is parse_time("0001-01-01 +1400", "%Y-%m-%d %z") is None


def test_a_date_that_a_format_does_not_read_has_its_order() -> None:
    assert parse_time("5/10/2022", "%d/%m/%Y %H:%M") == datetime(2022, 10, 5, tzinfo=UTC)
    assert parse_time("5/10/2022", "%m/%d/%y %H:%M") == datetime(2022, 5, 10, tzinfo=UTC)
    assert parse_time("5/10/2022", "%Y/%m/%d") is None
    assert parse_time("5/10/2022", "%d %b %Y") is None
    with pytest.raises(ValueError, match="the day first"):
        parse_time("12/25/2022", "%d/%m/%Y %H:%M")


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", " ", "NaN", "nan", "NaT", "null", "NULL", "None", "\\N", "NA", "N/A", "<NA>", "-"),
        *("0000-00-00 00:00:00", float("nan"), Decimal("NaN"), Decimal("sNaN")),
    ],
)
def test_what_stands_for_null_is_not_given(value: object) -> None:
    assert not is_given(value)
    assert parse_time(value) is None


@pytest.mark.parametrize(
    "value", ["soon", "10/5/2022", "0", 0, 1.5, True, Decimal(1), [], {}, date(2015, 11, 3), MOMENT]
)
def test_what_should_have_been_a_time_is_given(value: object) -> None:
    assert is_given(value)


def strftime(form: str) -> Callable[[datetime], object]:
    return lambda moment: moment.strftime(form)


def in_zone(hours: float, form: str) -> Callable[[datetime], object]:
    return lambda moment: moment.astimezone(timezone(timedelta(hours=hours))).strftime(form)


def seconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def excel_days(moment: datetime) -> Decimal:
    return Decimal(microseconds(moment)) / 86_400_000_000 + 25_569


MICROSECOND, MILLISECOND, SECOND = timedelta(microseconds=1), timedelta(milliseconds=1), timedelta(seconds=1)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: How a moment is written, what of it is kept, and the form that it is read by.
FORMS: list[tuple[Callable[[datetime], object], timedelta, str | None]] = [
    (lambda moment: moment, MICROSECOND, None),
    (lambda moment: moment.replace(tzinfo=None), MICROSECOND, None),
    (datetime.date, DAY, None),
    (str, MICROSECOND, None),  # as pandas writes a Timestamp
    (lambda moment: str(moment.replace(tzinfo=None)), MICROSECOND, None),
    (lambda moment: moment.isoformat(timespec="milliseconds"), MILLISECOND, None),
    (lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.%f}789Z", MICROSECOND, None),  # nanoseconds, as Arrow has them
    (lambda moment: f"{moment:%Y-%m-%d %H:%M:%S.%f}789 +0000 UTC", MICROSECOND, None),  # Go
    (in_zone(5.5, "%Y-%m-%dT%H:%M:%S.%f%z"), MICROSECOND, None),
    (in_zone(-8, "%Y-%m-%d %H:%M:%S -08:00"), SECOND, None),
    (in_zone(2, "%Y-%m-%d %H:%M:%S CEST"), SECOND, None),
    (strftime("%Y%m%dT%H%M%SZ"), SECOND, None),
    (strftime("%Y%m%d%H%M%S%f"), MICROSECOND, None),
    (strftime("%Y%m%d%H%M%S"), SECOND, None),
    (lambda moment: int(f"{moment:%Y%m%d}"), DAY, None),
    (seconds, SECOND, None),
    (lambda moment: str(seconds(moment)), SECOND, None),
    (datetime.timestamp, MICROSECOND, None),
    (lambda moment: str(moment.timestamp()), MICROSECOND, None),
    (lambda moment: Decimal(microseconds(moment)) / 1_000_000, MICROSECOND, None),
    (lambda moment: microseconds(moment) // 1_000, MILLISECOND, None),
    (lambda moment: microseconds(moment) / 1_000, MICROSECOND, None),
    (microseconds, MICROSECOND, None),
    (lambda moment: str(microseconds(moment)), MICROSECOND, None),
    (lambda moment: microseconds(moment) * 1_000 + 789, MICROSECOND, None),
    (lambda moment: str(Decimal(microseconds(moment) * 1_000)), MICROSECOND, None),
    (lambda moment: float(excel_days(moment.replace(microsecond=0))), SECOND, None),
    (lambda moment: f"{excel_days(moment.replace(microsecond=0)):.10f}", SECOND, None),  # as many digits as Excel has
    (format_datetime, SECOND, None),
    (strftime("%a %b %d %H:%M:%S +0000 %Y"), SECOND, None),
    (in_zone(-7, "%a %b %d %H:%M:%S PDT %Y"), SECOND, None),
    (datetime.ctime, SECOND, None),
    (in_zone(2, "%a %b %d %Y %H:%M:%S GMT%z (Central European Summer Time)"), SECOND, None),
    (in_zone(1, "%d/%b/%Y:%H:%M:%S %z"), SECOND, None),
    (strftime("%b %d, %Y"), DAY, None),
    (strftime("%B %d, %Y at %I:%M %p"), MINUTE, None),
    (strftime("%d %B %Y %H:%M"), MINUTE, None),
    (strftime("%A, %d %B %Y %I:%M:%S %p"), SECOND, None),
    (strftime("%d-%b-%y %I.%M.%S.%f %p"), MICROSECOND, None),
    (strftime("%I:%M %p · %b %d, %Y"), MINUTE, None),
    (strftime("%Y/%m/%d %H:%M"), MINUTE, None),
    (strftime("%d.%m.%Y %H:%M:%S"), SECOND, None),
    (lambda moment: f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment:%M}", MINUTE, MONTH_FIRST),
    (lambda moment: f"{moment.day}/{moment.month}/{moment.year} {moment.hour}:{moment:%M}", MINUTE, DAY_FIRST),
    (strftime("%m/%d/%y, %I:%M:%S %p"), SECOND, MONTH_FIRST),
    (strftime("%d-%m-%y"), DAY, DAY_FIRST),
    (strftime("%y.%m.%d %H%M"), MINUTE, "%y.%m.%d %H%M"),
]
#: When nanoseconds since 1970 are no more taken for other counts; and a year of two digits is the same one until 2068.
MOMENTS = st.datetimes(datetime(1990, 9, 1), datetime(2068, 12, 30), timezones=st.just(UTC))


@given(moment=MOMENTS)
@several(60)
def test_a_moment_comes_back_from_every_form_that_it_is_written_in(moment: datetime) -> None:
    for number, (write, resolution, form) in enumerate(FORMS):
        written = write(moment)
        kept = moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % resolution
        assert parse_time(written, form) == kept, (number, written)


@given(
    value=NASTY
    | st.text(st.sampled_from("0123456789:./-+TZ eEapmOct,"), max_size=30)
    | st.integers()
    | st.floats()
    | st.decimals()
)
@several(200)
def test_whatever_is_in_a_field_no_reading_of_it_fails(value: object) -> None:
    moment = parse_time(value)
    assert moment is None or moment.tzinfo is UTC
    assert is_given(value) or moment is None
