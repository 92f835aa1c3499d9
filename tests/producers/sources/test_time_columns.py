"""What a person says of the times of a source, and what its first rows tell of them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.errors import SettingError
from moodmill.producers.sources.time_columns import FoundForm, find_form, fineness
from moodmill.producers.sources.time_forms import DAY_FIRST, MONTH_FIRST, check_form
from moodmill.producers.sources.times import parse_time
from tests.texts import several

THIS_YEAR = datetime.now(UTC).year % 100


@pytest.mark.parametrize(
    ("given", "form"),
    [
        ("day-first", DAY_FIRST),
        (" Day First ", DAY_FIRST),
        ("month-first", MONTH_FIRST),
        ("MONTH_FIRST", MONTH_FIRST),
        *((one, one) for one in ("%d/%m/%Y %H:%M", "%d %b %y", "%Y%m%d%H%M%S", "%Y-%j", "%G-W%V-%u", "%d%%%m%%%Y")),
        *((one, one) for one in ("%m/%d/%Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S.%f%z", "%A, %d. %B %Y UTC")),
    ],
)
def test_a_form_is_an_order_or_a_format_that_names_a_day(given: str, form: str) -> None:
    assert check_form(given) == form


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("", "no directives"),
        ("year-first", "no directives"),
        ("%d/%m", "it names no year"),
        ("%d.%Y", "it names no month"),
        ("%B %Y", "it names no day"),
        ("%H:%M", "it names no year"),
        ("%d/%m/%Y %I:%M", "%I needs %p"),
        ("%d/%m/%Y %H:%M %Z", "write %z"),
        ("%s", "%s is none of the directives"),
        ("%-d/%m/%Y", "%- is none of the directives"),
        ("%c", "%c is none of the directives"),
        ("%d/%m/%Y %", "% is none of the directives"),
        ("%Y-%m-%d %d", "it does not read what it writes"),
        ("%d/%m/%Y" + " " * 100 + "\n%Q", "%Q is none of the directives"),
    ],
)
def test_another_form_is_refused_in_one_line(given: str, fault: str) -> None:
    with pytest.raises(SettingError) as refusal:
        check_form(given)
    message = str(refusal.value)
    assert message.startswith("expected a time format such as '%d/%m/%Y %H:%M'")
    assert repr(given[:60]) in message
    assert fault in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], FoundForm()),
        ([None, 1665000000, "1665000000", "2022-10-05", "2022/10/05", "Oct 5, 2022", "5.10.2022", "soon"], FoundForm()),
        (["31/02/2022", "13/13/2022", "99-10-05"], FoundForm()),  # no dates
        (["5/5/2022"], FoundForm()),
        (["10/5/2022 7:11", "11/5/2022 7:11"], FoundForm(ambiguous="10/5/2022 7:11")),
        (["5/5/2022", " 05-10-22\n"], FoundForm(ambiguous="05-10-22")),
        (["10/5/2022", "13/5/2022"], FoundForm(order=DAY_FIRST)),
        (["10/5/2022", None, "10/13/2022 7:11 PM"], FoundForm(order=MONTH_FIRST)),
        (["25.12.2022"], FoundForm(order=DAY_FIRST)),
        (["5.10.2022", "12.25.2022"], FoundForm(order=MONTH_FIRST)),
        # The first that tells decides; the others are contradictions.
        (["10/5/2022", "13/5/2022", "5/13/2022"], FoundForm(order=DAY_FIRST)),
        (["10/5/2022", "5/13/2022", "13/5/2022"], FoundForm(order=MONTH_FIRST)),
        # Of two digits each, the first may be the year, if that is not to come.
        (["22-10-05", "22-10-31"], FoundForm(ambiguous="22-10-05")),
        ([f"{THIS_YEAR}-10-05"], FoundForm(ambiguous=f"{THIS_YEAR}-10-05")),
        (["05.10.22"], FoundForm(ambiguous="05.10.22")),
        (["05-10-22", "05-13-22"], FoundForm(order=MONTH_FIRST)),
    ],
)
def test_the_first_row_that_tells_decides_on_the_order(values: list[object], found: FoundForm) -> None:
    assert find_form(values) == found


@pytest.mark.skipif(THIS_YEAR >= 31, reason="no number of a day is a year to come")
def test_a_day_of_two_digits_that_is_no_year_yet_tells() -> None:
    assert find_form(["05-10-22", "31-10-22"]) == FoundForm(order=DAY_FIRST)


@given(
    days=st.lists(st.dates(date(2005, 1, 1), datetime.now(UTC).date()), min_size=1, max_size=30),
    form=st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%m-%d-%y", "%d.%m.%y", "%Y/%m/%d", "%y-%m-%d", "%d %b %Y"]),
)
@several(100)
def test_a_column_of_one_form_is_read_rightly_or_known_to_be_ambiguous(days: list[date], form: str) -> None:
    written = [day.strftime(form) for day in days]
    found = find_form(written)
    if found.ambiguous is None:
        read = [parse_time(text, found.order) for text in written]
        assert [moment and moment.date() for moment in read] == days


#: Columns of the same days, the finest first.
COLUMNS: list[list[object]] = [
    ["2022-10-05 07:11:13.5", "2022-10-06 00:11:13.25", "2022-10-07"],
    ["2022-10-05 07:11:13", "2022-10-06 00:00:00", "2022-10-07 07:00:01"],
    ["2022-10-05 07:11", "2022-10-06 00:00", "2022-10-07 07:00:00"],
    [1664928000, "1665014400", 1665100800.0],  # full days of seconds
    ["2022-10-05", "5.10.2022", "Oct 7, 2022"],
    ["2022-10-05 07:11:13.5", None, ""],
    ["2022-10-05", "soon", "10/7/2022"],
    ["10/5/2022 7:11", "soon", None],
]


@pytest.mark.parametrize("index", range(len(COLUMNS) - 1))
def test_a_finer_column_is_more_than_a_coarser_and_that_than_one_that_is_not_read(index: int) -> None:
    assert fineness(COLUMNS[index]) > fineness(COLUMNS[index + 1])


def test_numbers_are_as_fine_as_what_they_count() -> None:
    days: list[object] = [20221005, "44839", Decimal(44840), date(2022, 10, 5)]
    assert fineness(days) == fineness(["2022-10-05"])
    assert fineness([1665000001, "1665000002"]) == fineness(["2022-10-05 07:11:13"])
    assert fineness([1665000001123, "1665000002.5"]) == fineness([datetime(2022, 10, 5, 7, 11, 13, 1)])
    assert fineness([44839.299306]) > fineness(days)


def test_no_times_are_the_least() -> None:
    assert fineness([]) == fineness([None, "", "soon", True, 5]) == 0


def test_a_column_is_read_by_its_form() -> None:
    assert fineness(["10/5/2022 7:11"], DAY_FIRST) == fineness(["2022-05-10 07:11"])
    assert fineness(["12/25/2022 7:11"], DAY_FIRST) == 0
    assert fineness(["22|10|05"], "%y|%m|%d") == fineness(["2022-10-05"])
