"""What is said of a file that holds no records as JSON, by what it holds."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import NoSourceError, SourceError
from moodmill.db.core.text import clean
from moodmill.producers.sources.jsoncut import BrokenJsonError
from moodmill.producers.sources.jsondocument import sound_values
from moodmill.producers.sources.jsonplaces import Places
from moodmill.producers.sources.jsonvalue import Object, called
from moodmill.producers.sources.layout import ReadOptions
from moodmill.producers.sources.place import Place

#: Bytes of the first line, and characters of a value, that an error shows.
_SHOWN = 60
#: Values, and rows, that are kept of a beginning.
_KEPT = 100
#: What was written by `moodmill export` has these names.
_OF_EXPORTS: Final = frozenset(("comment_id", "model", *EMOTIONS))
_EXPECTED: Final = "expected one JSON object a line with 'body', 'title' or another text, or an array of such objects"

#: How what is no JSON begins, and what it is.
_STRANGERS: Final = (
    (
        rb"(?:var|let|const|export|window|module)\b|[A-Za-z_$][\w$.]*\s*(?:\[\d+\]\s*)?=[^=]",
        "is JavaScript, no JSON: delete what stands before the first bracket, and a semicolon at the end",
    ),
    (rb"[A-Za-z_$][\w$.]*\s*\(", "is JavaScript that calls a function (JSONP), no JSON: keep what its brackets hold"),
    (rb"[\[({\s]*'", "has texts in single quotes, as Python prints them, and is no JSON: write it by json.dumps"),
    (rb"\[?\s*\{\s*[A-Za-z_$][\w$]*\s*:", "has keys without quotes, as JavaScript and JSON5: write it as JSON"),
    (rb"//|/\*", "begins with a comment, as JavaScript and JSON5 have them, and JSON has none: delete it"),
    (rb"<", "is a page of HTML or XML, no JSON: fetch the data itself"),
)


@dataclass(kw_only=True)
class Beginning:
    """What the beginning of a file holds, as seen by lines or as documents."""

    places: Places
    #: The first line that is not blank.
    first: bytes | None = None
    #: The values at the top, and the objects in which a table would have its rows.
    values: list[object] = field(default_factory=list)
    objects: list[Object] = field(default_factory=list)
    #: Values that are no JSON inside, and what ended the look.
    broken: int = 0
    error: BrokenJsonError | None = None

    def add(self, raw: bytes, place: str) -> None:
        """Take a value that is at `place`."""
        is_whole = False
        for value, at in sound_values(raw, place):
            is_whole = at == place
            self.places.look(value, at)
            if not at and len(self.values) < _KEPT:
                self.values.append(value)
            rows = value if not at and isinstance(value, list) else [value]
            if at in ("", "item") and len(self.objects) < _KEPT:
                self.objects += (row for row in rows if isinstance(row, dict))
        self.broken += not is_whole


def check_no_export(place: Place, records: Iterable[Mapping[str, object]]) -> None:
    """Raise NoSourceError where records are result rows that were exported."""
    if any(record.keys() >= _OF_EXPORTS for record in records):
        raise NoSourceError(f"{place} is an export of moodmill's results: expected comments that have no labels yet")


def many_places(place: Place, found: Sequence[str]) -> SourceError:
    """Return the error of records at several places, of which none is the table."""
    named = " and ".join(repr(one or ".") for one in found[:3])
    return SourceError(
        f"{place} holds records at {named}: expected them at one place; "
        f"write those that you want into a file, as by jq -c '{jq_path(found[0])}'"
    )


def refusal(place: Place, lines: Beginning, document: Beginning) -> SourceError:
    """Return the error that says best what a file without records is."""
    first = (lines.first or b"").strip()
    if not lines.values or document.error:
        for pattern, said in _STRANGERS:
            if re.match(pattern, first):
                return SourceError(f"{place} {said}; found {first[:_SHOWN]!r}")
    if document.error:
        return SourceError(
            f"{place} is no Reddit dump and no other JSON of records: {_EXPECTED}, found {first[:_SHOWN]!r} "
            f"({document.error}); for a table name its kind: csv, tsv or parquet"
        )
    values = document.values or lines.values
    if len(values) == 1 and isinstance(values[0], dict) and (reason := _otherwise(values[0])):
        return SourceError(f"{place} {reason}")
    return NoSourceError(f"{place} holds no records: {_EXPECTED}, found {_described(values)} in {first[:_SHOWN]!r}")


def _otherwise(value: Object) -> str | None:
    """Say how an object holds records that are not read so, or why it holds none."""
    members = list(value.values())
    if members and all(isinstance(member, dict) and member for member in members):
        if all(key.isdecimal() for member in members if isinstance(member, dict) for key in member):
            return (
                "is a table by columns, as pandas writes it: expected one by rows; "
                "write it by to_json(FILE, orient='records', lines=True)"
            )
        rows = Places(ReadOptions())
        rows.look(members, "")
        if len(rows.records.get("item", ())) == len(members):
            return "holds an object with a key for each record: expected an array of them; write it by jq -c '.[]'"
    if "columns" in value and isinstance(data := value.get("data"), list) and data and isinstance(data[0], list):
        return (
            "is a table whose names stand apart, as pandas writes it: expected objects; "
            "write it by to_json(FILE, orient='records', lines=True)"
        )
    if value.get("error") or value.get("errors"):
        shown = clean(json.dumps(value, ensure_ascii=False))[: 2 * _SHOWN]
        return f"is an answer without records that reports an error: fetch it again; found {shown}"
    return None


def _described(values: Sequence[object]) -> str:
    if not values:
        return "no JSON object"
    value = values[0]
    if isinstance(value, dict):
        return f"an object with {', '.join(repr(clean(key)[:_SHOWN]) for key in [*value][:10]) or 'no key'}"
    if isinstance(value, list):
        return f"an array of {called(value[0]).split()[-1]}s" if value else "an empty array"
    return called(value)


def jq_path(place: str) -> str:
    """Return a place as jq has it."""
    parts = ["[]" if part == "item" else f".{part}" for part in place.split(".") if part]
    path = "".join(parts) or "."
    return path if path.startswith(".") else f".{path}"
