"""The values in JSON documents, each with the place where it stands, in memory that no document can fill.

Nothing is decoded but the keys on the way to a value. So what is broken inside of one, as by NaN, by bytes that are no
UTF-8 or by a comma too many, costs that value alone: parsers that stream a document end there, and lose the rest.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from moodmill.producers.sources.jsoncut import BrokenJsonError, Cutter
from moodmill.producers.sources.jsonvalue import decode
from moodmill.producers.sources.lines import LINE_LIMIT, Overlong

#: Objects and arrays open at once around the values.
_LEVELS = 12
#: Levels of what is broken that are gone through for what is not.
_SOUND_LEVELS = 4

#: Between documents also what joins them: byte order marks, commas, separators of RFC 7464, padding.
_BETWEEN = re.compile(rb"(?:[ \t\r\n,\x1e\0]|\xef\xbb\xbf)*+")
_KNOWN_WORD = re.compile(rb"-?[0-9][0-9.eE+-]*+|true|false|null|NaN|-?Infinity")
_BEGINNINGS: Final = (b"{", b"[")


class Value(NamedTuple):
    """A value and its place: the keys that lead to it with dots between, `item` standing for any number in an array."""

    place: str
    raw: bytes | Overlong


@dataclass(frozen=True, slots=True)
class _Open:
    """An object or array that is gone through value by value."""

    place: str
    is_array: bool


class Documents:
    """One JSON document, or several one after the other.

    Values that stand at one of `places` are given each, but of an array those in it, if they do, too. Of all else what
    has at most WHOLE_LIMIT bytes is given.
    """

    def __init__(self, blocks: Iterable[bytes], places: Collection[str] = (), through: Collection[str] = ()) -> None:
        """What stands at a place of `through` is gone through value by value, however small."""
        self._cutter = Cutter(blocks)
        self._places = frozenset(places)
        above = {*through, *(above for place in self._places for above in _above(place))}
        self._above = above
        self._inner = above | self._places
        #: Documents begun, and those among them that have one of the places.
        self.begun = 0
        self.with_places = 0

    def values(self) -> Iterator[Value]:
        """Yield the values in the order in which they stand; one at a place may be Overlong.

        Raises BrokenJsonError where no JSON follows; what was yielded before is good.
        """
        while self._cutter.peek(_BETWEEN):
            self.begun += 1
            yield from self._document()

    def _document(self) -> Iterator[Value]:
        opened: list[_Open] = []
        place: str | None = ""
        has_place = False
        while place is not None:
            first = self._cutter.peek()
            is_new = False
            if place in self._places and not (first == b"[" and join(place, "item") in self._inner):
                has_place = True
                yield Value(place, self._cutter.cut())
                while opened and opened[-1].is_array and self._cutter.skip_comma():
                    yield Value(place, self._cutter.cut())
            elif first not in _BEGINNINGS:
                yield Value(place, self._scalar())
            elif place not in self._above and (whole := self._cutter.cut_small()) is not None:
                yield Value(place, whole)
            else:
                is_new = True
                self._open(opened, _Open(place, first == b"["))
                has_place = has_place or (first == b"[" and join(place, "item") in self._places)
            place = self._next_place(opened, is_new=is_new)
        self.with_places += has_place

    def _open(self, opened: list[_Open], value: _Open) -> None:
        if len(opened) == _LEVELS:
            raise self._cutter.broken(f"records within {_LEVELS} levels")
        opened.append(value)
        self._cutter.skip()

    def _next_place(self, opened: list[_Open], *, is_new: bool) -> str | None:
        """Go to the next value of the document and return its place; None behind the last one."""
        while opened:
            around = opened[-1]
            end = b"]" if around.is_array else b"}"
            found = self._cutter.peek()
            if found == end:
                self._cutter.skip()
                opened.pop()
                is_new = False
                continue
            if not is_new:
                if found != b",":
                    raise self._cutter.broken(f"',' or '{end.decode()}'")
                self._cutter.skip()
            return join(around.place, "item" if around.is_array else self._key())
        return None

    def _scalar(self) -> bytes | Overlong:
        """Take a text, number or word of JSON."""
        raw = self._cutter.cut()
        if isinstance(raw, bytes) and not raw.startswith(b'"') and not _KNOWN_WORD.fullmatch(raw):
            raise self._cutter.broken("a value", raw)
        return raw

    def _key(self) -> str:
        if self._cutter.peek() != b'"':
            raise self._cutter.broken("a key in double quotes")
        raw = self._scalar()
        if isinstance(raw, Overlong):
            raise self._cutter.broken(f"a key of at most {LINE_LIMIT >> 20} MiB")
        try:
            key = json.loads(raw.decode("utf-8", "replace"), strict=False)
        except ValueError:
            raise self._cutter.broken("a key", raw) from None
        if self._cutter.peek() != b":":
            raise self._cutter.broken("':'")
        self._cutter.skip()
        return str(key)


def sound_values(raw: bytes, place: str, levels: int = _SOUND_LEVELS) -> Iterator[tuple[object, str]]:
    """Yield the value at `place`, decoded, or where something in it is broken what is not, each with its place."""
    try:
        yield decode(raw, "replace"), place
    except ValueError:
        values = Documents([raw], through=[""]).values() if levels else ()
        with suppress(BrokenJsonError):
            for value in values:
                if value.place and isinstance(value.raw, bytes):
                    yield from sound_values(value.raw, join(place, value.place), levels - 1)


def join(place: str, key: str) -> str:
    """Return the place of what stands under `key` in the value at `place`."""
    return f"{place}.{key}" if place else key


def _above(place: str) -> Iterator[str]:
    if place:
        yield from accumulate(["", *place.split(".")[:-1]], join)
