"""Values of Arrow columns as Python's, whatever their type: as texts, and as times."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
#: Milliseconds of a day.
_DAY: Final = 86_400_000
#: Ticks a second of Arrow's times.
_TICKS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


class NotUtf8(bytes):
    """What stands in the place of a text and is none."""

    @property
    def error(self) -> str:
        """Say where it is none."""
        try:
            return repr(self.decode())
        except UnicodeDecodeError as error:
            near = bytes(self[max(0, error.start - 10) : error.start + 10])
            return f"byte {self[error.start]:#04x} at {error.start}, in {near!r}"


def texts(column: Any) -> list[str | NotUtf8 | None]:
    """Return values as texts; null of NaN. A whole number has no decimal point, whatever type holds it."""
    column = _plain(column)
    kind = column.type
    if _is_text(kind):
        return _decoded(column)
    if pa.types.is_boolean(kind):
        return [None if value is None else str(value).lower() for value in column.to_pylist()]
    if pa.types.is_float16(kind) or pa.types.is_float32(kind):
        # By their shortest decimals: as a double 0.1 would be 0.10000000149011612.
        column = column.cast(pa.string()).cast(pa.float64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return [_number_text(value) for value in column.to_pylist()]
    return [_text(value) for value in times(column)]


def times(column: Any) -> list[object]:
    """Return values as datetimes, dates, numbers and texts; null of NaN.

    A timestamp without a zone is UTC's. What datetime cannot hold becomes a text that says so.
    """
    column = _plain(column)
    kind = column.type
    if _is_text(kind):
        return [*_decoded(column)]
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return _temporal(column)
    values: list[object] = column.to_pylist()
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return [_number(value) if isinstance(value, float | Decimal) else value for value in values]
    return values


def _plain(column: Any) -> Any:
    """Return a column without extensions, dictionaries and runs."""
    while True:
        if isinstance(column, pa.ExtensionArray):
            column = _uuids(column.storage) if column.type.extension_name == "arrow.uuid" else column.storage
        elif isinstance(column, pa.DictionaryArray):
            column = _without_dictionary(column)
        elif isinstance(column, pa.RunEndEncodedArray):
            column = pc.run_end_decode(column)
        else:
            return column


def _without_dictionary(column: Any) -> Any:
    if pa.types.is_string_view(column.type.value_type) or pa.types.is_binary_view(column.type.value_type):
        # Nothing takes views by their indices.
        column = pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.large_binary()))
    return column.dictionary_decode()


def _uuids(column: Any) -> Any:
    return pa.array([None if value is None else str(UUID(bytes=value)) for value in column.to_pylist()], pa.string())


def _is_text(kind: Any) -> bool:
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_binary,
        pa.types.is_large_binary,
        pa.types.is_binary_view,
        pa.types.is_fixed_size_binary,
    )
    return any(is_one(kind) for is_one in tests)


def _decoded(column: Any) -> list[str | NotUtf8 | None]:
    if pa.types.is_fixed_size_binary(column.type):
        # What fills up a text to its size is no part of it.
        return [None if value is None else _decode(value.rstrip(b"\0")) for value in column.to_pylist()]
    try:
        # Strings come decoded.
        return [value if value is None or isinstance(value, str) else _decode(value) for value in column.to_pylist()]
    except UnicodeDecodeError:
        # As bytes, to tell which of them are none.
        return _decoded(column.cast(pa.large_binary()))


def _decode(value: bytes) -> str | NotUtf8:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return NotUtf8(value)


def _number_text(value: float | Decimal | None) -> str | None:
    if value is None or math.isnan(value):
        return None
    if math.isinf(value):
        return str(value)
    if value == int(value):
        return str(int(value))
    return format(Decimal(repr(value)) if isinstance(value, float) else value, "f")


def _number(value: float | Decimal) -> float | None:
    """Return a number as parse_time takes it; whole ones exactly."""
    if math.isnan(value):
        return None
    return int(value) if isinstance(value, Decimal) and value == int(value) else float(value)


def _text(value: object) -> str | None:
    match value:
        case None | str():
            return value
        case date():  # a datetime is one, too
            return value.isoformat()
        case _:
            return str(value)


def _temporal(column: Any) -> list[object]:
    kind = column.type
    if pa.types.is_date32(kind):
        make: Callable[[int], object] = _day
    elif pa.types.is_date64(kind):
        make = _day_of_milliseconds
    elif pa.types.is_timestamp(kind):
        make = _moments(kind.unit)
    elif pa.types.is_time(kind):
        make = _times_of_day(kind.unit)
    else:
        make = f"{{}} {kind.unit}".format  # a duration
    ticks = column.view(pa.int32() if kind.bit_width == 32 else pa.int64()).to_pylist()
    return [None if value is None else make(value) for value in ticks]


def _day(value: int) -> object:
    try:
        return date.fromordinal(_EPOCH_DAY + value)
    except (ValueError, OverflowError):
        return f"{value} days since 1970-01-01"


def _day_of_milliseconds(value: int) -> object:
    return _day(value // _DAY)


def _moments(unit: str) -> Callable[[int], object]:
    ticks = _TICKS[unit]

    def moment(value: int) -> object:
        seconds, rest = divmod(value, ticks)
        try:
            return _EPOCH + timedelta(0, seconds, rest * 1_000_000 // ticks)
        except OverflowError:
            return f"{value} {unit} since 1970-01-01"

    return moment


def _times_of_day(unit: str) -> Callable[[int], object]:
    ticks = _TICKS[unit]

    def time_of_day(value: int) -> object:
        moment = _EPOCH + timedelta(0, value // ticks % 86_400, value % ticks * 1_000_000 // ticks)
        return time.isoformat(moment.time())

    return time_of_day
