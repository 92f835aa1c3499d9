"""Where in JSON the records are: the places of objects that have a text."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from moodmill.producers.sources.columns import KNOWN
from moodmill.producers.sources.jsondocument import join
from moodmill.producers.sources.jsonvalue import Object, pick
from moodmill.producers.sources.layout import ReadOptions
from moodmill.producers.sources.redditapi import are_reddits, is_marked, is_other_thing, is_thing

#: Levels of objects and arrays that are looked into, and records kept of each place.
_LEVELS = 12
_KEPT = 100

_TEXTS: Final = frozenset(KNOWN["text"])
#: Names of texts which in the object around records rather tell of their outcome: {"message": "ok", "data": [...]}.
_WEAK_TEXTS: Final = frozenset(("message", "content", "comment"))
_OTHER_FIELDS: Final = frozenset(name for field, names in KNOWN.items() if field != "text" for name in names)


class Places:
    """The places of the records in all values that it is shown, and their first records."""

    def __init__(self, options: ReadOptions) -> None:
        self._asked = options.columns.text
        #: Named columns make a table of whatever is there.
        self._is_table = asks_for_columns(options)
        self.records: dict[str, list[Object]] = defaultdict(list)

    def look(self, value: object, place: str, levels: int = _LEVELS) -> None:
        """Look for records in the value at `place`. What stands in a record is none."""
        if isinstance(value, list):
            members = [("item", member) for member in value]
        elif not isinstance(value, dict):
            return
        elif self._is_record(value, place):
            if len(self.records[place]) < _KEPT:
                self.records[place].append(value)
            return
        elif is_other_thing(value):
            return
        else:
            members = list(value.items())
        if levels:
            for key, member in members:
                self.look(member, join(place, key), levels - 1)

    def knows(self, place: str) -> bool:
        """Tell whether enough records of a place are kept."""
        return len(self.records.get(place, ())) == _KEPT

    @property
    def of_reddit(self) -> list[str]:
        """The places of Reddit's records, as far as nobody asks for columns."""
        if self._is_table:
            return []
        return _outermost([place for place, records in self.records.items() if are_reddits(records)])

    @property
    def of_tables(self) -> list[str]:
        """The places of records of any kind."""
        return _outermost(list(self.records))

    def _is_record(self, value: Object, place: str) -> bool:
        if not self._is_table and (is_thing(value) or is_marked(value)):
            return True
        if place and not place.endswith("item"):
            return False
        if self._asked is not None:
            return has_column(value, self._asked)
        texts = {plain for name, text in value.items() if (plain := name.strip().lower()) in _TEXTS and _is_text(text)}
        if place or texts - _WEAK_TEXTS:
            return bool(texts)
        return bool(texts) and not self._holds_records(value)

    def _holds_records(self, value: Object) -> bool:
        inside = Places(ReadOptions())
        for key, member in value.items():
            inside.look(member, key)
        return bool(inside.records)


def asks_for_columns(options: ReadOptions) -> bool:
    """Tell whether somebody named a column."""
    return any(name.endswith("_column") for name in options.asked)


def is_lone_word(record: Mapping[str, object], options: ReadOptions) -> bool:
    """Tell whether an object alone in its file is none that people write: its text is a word about something else."""
    names = {name.strip().lower() for name in record}
    return not asks_for_columns(options) and names & _TEXTS <= _WEAK_TEXTS and not names & _OTHER_FIELDS


def has_column(record: Object, asked: str) -> bool:
    """Tell whether an object has the column that somebody asked for: by name, dotted path or number from 1."""
    if _is_text(found := pick(record, asked)) and found is not None:
        return True
    if any(name.strip().lower() == asked.strip().lower() for name in record):
        return True
    return asked.isascii() and asked.isdecimal() and any(map(_is_text, record.values()))


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _outermost(places: list[str]) -> list[str]:
    """Leave out the places inside of others: what stands there is part of a record."""
    return sorted(place for place in places if not any(_is_inside(place, other) for other in places))


def _is_inside(place: str, other: str) -> bool:
    rest = place if not other else place.removeprefix(f"{other}.")
    # What stands at a place may be a record here, and there an array of records.
    return place != other and (not other or rest != place) and rest.split(".")[0] != "item"


def are_one(places: list[str]) -> bool:
    """Tell whether places are one and the same: of records, and of arrays of them."""
    return len(places) == 1 or (len(places) == 2 and places[1] == join(places[0], "item"))
