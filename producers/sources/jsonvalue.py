"""A JSON value as Python's, and what stands in it under a dotted path."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from moodmill.producers.sources.columns import are_comments

#: Objects and arrays that are looked into for names, values of an array that are, and names taken from below the top.
_LEVELS = 6
_ARRAY_VALUES = 3
_NAMES_BELOW = 500

Object = dict[str, object]
_decode = msgspec.json.Decoder().decode


def decode(raw: bytes, errors: str = "strict") -> object:
    """Return a JSON value. NaN, Infinity, lone surrogates and raw control characters are taken as they are.

    Of a key that an object has twice the last value counts, as everywhere in JSON. Raises ValueError, saying what was
    found, where this is no JSON in UTF-8; with `errors` "replace", bytes that are none do not matter.
    """
    try:
        value: object = _decode(raw)
    except (ValueError, RecursionError):
        return _decode_leniently(raw, errors)
    return value


def _decode_leniently(raw: bytes, errors: str) -> object:
    try:
        return json.loads(raw.decode("utf-8", errors), strict=False)
    except UnicodeDecodeError as error:
        around = raw[max(0, error.start - 10) : error.start + 10]
        raise ValueError(
            f"expected UTF-8, found byte {raw[error.start]:#04x} in {around!r}; name the encoding by --encoding"
        ) from error
    except ValueError as error:
        raise ValueError(f"expected a JSON object, found broken JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("expected a JSON object, found one nested too deep") from error


def decode_object(raw: bytes, errors: str = "strict") -> Object:
    """Return a JSON object. Raises ValueError as `decode`, and where this is another value."""
    value = decode(raw, errors)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {called(value)}")  # noqa: TRY004 (becomes a Bad)
    return value


def called(value: object) -> str:
    """Return what JSON calls a value."""
    match value:
        case dict():
            return "an object"
        case list():
            return "an array"
        case str():
            return "a text"
        case bool() | None:
            return json.dumps(value)
        case _:
            return "a number"


def picker(path: str) -> Callable[[Object], object]:
    """Return what finds the value under a dotted path; None where there is none.

    Of arrays the path has the number from 0. A key that has dots of its own is found by its whole name.
    """
    if "." not in path:
        return lambda record: record.get(path)
    return lambda record: pick(record, path)


def pick(value: object, path: str) -> object:
    """Return the value under a dotted path, as `picker` has it."""
    if isinstance(value, list):
        number, _, rest = path.partition(".")
        if not (number.isascii() and number.isdecimal() and int(number) < len(value)):
            return None
        return pick(value[int(number)], rest) if rest else value[int(number)]
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    dot = path.find(".")
    while dot >= 0:
        if path[:dot] in value and (found := pick(value[path[:dot]], path[dot + 1 :])) is not None:
            return found
        dot = path.find(".", dot + 1)
    return None


def flat(record: Mapping[str, object]) -> Object:
    """Return the values of an object that are neither objects nor arrays, under their dotted paths."""
    return dict(_leaves(record, "", _LEVELS))


def _leaves(value: object, path: str, levels: int) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            members: Iterable[tuple[object, object]] = value.items()
        case list():
            members = enumerate(value[:_ARRAY_VALUES])
        case _:
            yield path, value
            return
    if levels:
        for key, member in members:
            yield from _leaves(member, f"{path}.{key}" if path else str(key), levels - 1)


def comments_within(record: Mapping[str, object], above: str = "", levels: int = _LEVELS) -> Iterator[str]:
    """Yield the dotted paths of arrays in a record that hold comments of their own."""
    for name, value in record.items():
        if isinstance(value, list):
            if any(isinstance(one, dict) and are_comments(one) for one in value[:_ARRAY_VALUES]):
                yield f"{above}{name}"
        elif isinstance(value, dict) and levels:
            yield from comments_within(value, f"{above}{name}.", levels - 1)


def names_of(rows: Iterable[Mapping[str, object]], asked: Iterable[str] = ()) -> list[str]:
    """Return the names that flat rows have, each once: of those below the top not all, where there are many."""
    names = dict.fromkeys(name for row in rows for name in row)
    wanted = set(asked)
    below = [name for name in names if "." in name and name not in wanted]
    return [name for name in names if "." not in name or name in wanted] + below[:_NAMES_BELOW]


def keys_twice(raws: Iterable[bytes]) -> set[str]:
    """Return the keys that stand more than once in one object."""
    found: set[str] = set()

    def note(pairs: list[tuple[str, object]]) -> Object:
        members = dict(pairs)
        if len(members) < len(pairs):
            found.update(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        return members

    decoder: Final = json.JSONDecoder(strict=False, object_pairs_hook=note)
    for raw in raws:
        try:
            decoder.decode(raw.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue  # it will be a dead letter
    return found
