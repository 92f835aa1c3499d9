"""Values of Arrow columns: every type as a text, and as what tells a time."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from moodmill.producers.sources.arrow_values import NotUtf8, texts, times

MOMENT = datetime(2015, 11, 3, 12, 30, tzinfo=UTC)
SECONDS = 1_446_553_800
DAYS = SECONDS // 86_400
LARGEST, SMALLEST = 2**63 - 1, -(2**63)
NAN = float("nan")
TEXT_TYPES = [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()]
#: Of texts as bytes.
CHARACTERS = [b"a", None, "é\U0001f63b".encode(), b""]


def column(values: list[Any], kind: Any) -> Any:
    """Return a column of a type; of texts as bytes, and of numbers for times, as they are stored."""
    if isinstance(values[0], bytes):
        return pa.array(values, {"string": pa.binary(), "large_string": pa.large_binary()}.get(str(kind), kind)).view(
            kind
        )
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_texts_come_from_any_type_of_them(kind: Any) -> None:
    expected = ["a", None, "é\U0001f63b", ""]
    plain = pa.array(CHARACTERS, pa.large_binary()).cast(kind)
    assert texts(plain) == expected
    assert times(plain) == expected
    assert texts(plain.slice(2)) == expected[2:]
    coded = pa.DictionaryArray.from_arrays(pa.array([2, None, 0, 1]), plain)
    assert texts(coded) == ["é\U0001f63b", None, "a", None]


def test_texts_of_a_fixed_size_lose_what_fills_them_up() -> None:
    assert texts(pa.array([b"ab\0\0", b"abcd", None], pa.binary(4))) == ["ab", "abcd", None]


def test_runs_are_texts() -> None:
    assert texts(pc.run_end_encode(pa.array(["a", "a", None]))) == ["a", "a", None]


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
def test_bytes_that_are_no_utf_8_stay_bytes_and_the_others_are_read(kind: Any) -> None:
    stored = pa.array([b"\xff", b"b", None, b"c\xe9"], pa.large_binary())
    if kind in (pa.string(), pa.string_view()):
        plain = stored.cast(pa.binary() if kind == pa.string() else pa.binary_view()).view(kind)
    else:
        plain = stored.view(kind) if kind == pa.large_string() else stored.cast(kind)
    for found in (
        texts(plain),
        times(plain),
        texts(plain.dictionary_encode()) if "view" not in str(kind) else texts(plain),
    ):
        assert found == [b"\xff", "b", None, b"c\xe9"]
        assert [type(one) for one in found] == [NotUtf8, str, type(None), NotUtf8]


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint16(), pa.int64(), pa.uint64()], ids=str)
def test_whole_numbers_are_texts(kind: Any) -> None:
    largest = {"int8": 127, "uint16": 65_535, "int64": LARGEST, "uint64": 2**64 - 1}[str(kind)]
    assert texts(pa.array([0, None, largest], kind)) == ["0", None, str(largest)]
    assert times(pa.array([0, None, largest], kind)) == [0, None, largest]


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_floats_are_texts_of_their_decimals_and_whole_ones_have_no_point(kind: Any) -> None:
    found = texts(pa.array([12.0, -0.0, None, NAN, 0.5], pa.float64()).cast(kind))
    assert found == ["12", "0", None, None, "0.5"]
    assert times(pa.array([12.0, None, NAN], pa.float64()).cast(kind)) == [12.0, None, None]


def test_floats_are_never_texts_with_an_exponent() -> None:
    assert texts(pa.array([1e18, 1e-7, 0.1, 2.0**60])) == ["1000000000000000000", "0.0000001", "0.1", str(2**60)]
    assert texts(pa.array([0.1, 16_777_216.0], pa.float32())) == ["0.1", "16777216"]
    assert texts(pa.array([float("inf"), float("-inf")])) == ["inf", "-inf"]


@pytest.mark.parametrize(
    "kind", [pa.decimal32(9, 2), pa.decimal64(18, 2), pa.decimal128(38, 2), pa.decimal256(70, 2)], ids=str
)
def test_decimals_are_texts_and_numbers(kind: Any) -> None:
    found = pa.array([Decimal("1700000.00"), None, Decimal("-12.50")], kind)
    assert texts(found) == ["1700000", None, "-12.50"]
    assert times(found) == [1_700_000, None, -12.5]
    assert [type(one) for one in times(found)] == [int, type(None), float]


def test_decimals_without_a_point_keep_each_digit() -> None:
    assert texts(pa.array([Decimal(10**37 + 1)], pa.decimal128(38, 0))) == [str(10**37 + 1)]
    assert texts(pa.array([Decimal("1.2E+4")], pa.decimal128(5, -2))) == ["12000"]


def test_truths_nulls_and_intervals_are_texts() -> None:
    assert texts(pa.array([True, False, None])) == ["true", "false", None]
    assert texts(pa.nulls(2)) == times(pa.nulls(2)) == [None, None]
    assert texts(pa.array([pa.MonthDayNano([1, 2, 3]), None]))[1] is None


def test_identifiers_are_texts() -> None:
    raw = bytes(range(16))
    found = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([raw, None], pa.binary(16)))
    assert texts(found) == ["00010203-0405-0607-0809-0a0b0c0d0e0f", None]
    assert texts(pa.ExtensionArray.from_storage(pa.json_(), pa.array(['"a"']))) == ['"a"']


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Tokyo", "+05:30"])
@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
def test_timestamps_are_moments_of_utc(unit: str, ticks: int, zone: str | None) -> None:
    kind = pa.timestamp(unit, zone)
    found = times(column([SECONDS * ticks, None, -1 * ticks, 0], kind))
    assert found == [MOMENT, None, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    assert texts(column([SECONDS * ticks], kind)) == ["2015-11-03T12:30:00+00:00"]
    if unit != "ns":
        assert times(column([LARGEST, SMALLEST], kind)) == [
            f"{LARGEST} {unit} since 1970-01-01",
            f"{SMALLEST} {unit} since 1970-01-01",
        ]


def test_parts_of_seconds_are_kept_as_far_as_datetime_holds_them() -> None:
    assert times(column([1_999, -1], pa.timestamp("ms"))) == [
        datetime(1970, 1, 1, 0, 0, 1, 999_000, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ]
    assert times(column([1_234_567, LARGEST], pa.timestamp("ns"))) == [
        datetime(1970, 1, 1, 0, 0, 0, 1_234, tzinfo=UTC),
        datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC),
    ]


@pytest.mark.parametrize(("kind", "ticks"), [(pa.date32(), 1), (pa.date64(), 86_400_000)], ids=str)
def test_dates_are_dates(kind: Any, ticks: int) -> None:
    far = 2**30
    assert times(column([DAYS * ticks, None, far * ticks, -far * ticks], kind)) == [
        date(2015, 11, 3),
        None,
        f"{far} days since 1970-01-01",
        f"{-far} days since 1970-01-01",
    ]
    assert texts(column([DAYS * ticks], kind)) == ["2015-11-03"]


def test_times_of_day_and_durations_are_texts_whatever_they_hold() -> None:
    assert times(column([45_000, None], pa.time32("s"))) == ["12:30:00", None]
    assert times(column([45_000_000_000_001], pa.time64("ns"))) == ["12:30:00"]
    assert len(times(column([LARGEST, SMALLEST], pa.time64("us")))) == 2
    assert times(column([LARGEST, None], pa.duration("s"))) == [f"{LARGEST} s", None]
