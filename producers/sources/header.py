"""Which line of a table names its columns: the first, none, or one below numbers, titles and remarks."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from moodmill.producers.sources.columns import KNOWN
from moodmill.producers.sources.cutter import Fields
from moodmill.producers.sources.layout import Columns

#: Rows among which the header is looked for.
_FIRST: Final = 10
#: Rows that are compared with one that may be the header.
_COMPARED: Final = 100
#: Characters of the longest name.
_MAX_NAME: Final = 60

_NUMBER: Final = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?")
_TIME: Final = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*", re.DOTALL)
#: What names are not: numbers, times, addresses, texts.
_OF_DATA: Final = frozenset(("number", "time", "link", "code"))


def named_fields(row: Fields, asked: Columns) -> set[str]:
    """Return which fields of Columns are named in a row, by a known name or one that is asked for."""
    there = {(name or "").strip().lower() for name in row}
    wanted = asdict(asked)
    return {
        field
        for field, names in KNOWN.items()
        if not there.isdisjoint(names if wanted[field] is None else (wanted[field].strip().lower(),))
        and not (wanted[field] or "").isdigit()
    }


def find_header(rows: Sequence[Fields], asked: Columns) -> int | None:
    """Return the number, from 0, of the row that names the columns; None if none does for certain.

    A row does if it has known names, the most of all, or looks other than the rows below it, as names do above numbers
    and times.
    """
    most, found = 0, None
    for number, row in enumerate(rows[:_FIRST]):
        named = named_fields(row, asked)
        is_one = len(named) > 1 or (_are_names(row) and (number == 0 or asked.text is not None))
        if is_one and len(named) > most and (number == 0 or "text" in named):
            most, found = len(named), number
    if found is not None:
        return found
    return 0 if rows and _are_names(rows[0]) and _differs(rows[0], rows[1 : _COMPARED + 1]) else None


def likeliest_text(rows: Sequence[Fields], width: int) -> int:
    """Return the number, from 0, of the column that most likely holds the texts."""

    def worth(number: int) -> int:
        column = [row[number] or "" for row in rows if number < len(row)]
        return sum(len(text) for text in column if _kind(text) not in _OF_DATA)

    return max(range(width), key=worth, default=0)


def _are_names(row: Fields) -> bool:
    names = [(name or "").strip() for name in row]
    filled = [name for name in names if name]
    return (
        len(names) - len(filled) <= 1  # pandas and R leave out the name of their index
        and len(set(filled)) == len(filled) > 0
        and all(len(name) <= _MAX_NAME and _kind(name) in ("word", "code", "words") for name in filled)
    )


def _differs(first: Fields, others: Sequence[Fields]) -> bool:
    """Whether in some column nearly all the others are data of a kind that the first is not."""
    if not others:
        return True
    for number, name in enumerate(first):
        kinds = Counter(_kind(row[number] or "") for row in others if number < len(row) and row[number])
        kind, count = kinds.most_common(1)[0] if kinds else ("", 0)
        if kind in _OF_DATA and kind != _kind(name or "") and count >= 0.9 * kinds.total():
            return True
        if kinds["text"] > 0.5 * kinds.total() and _kind(name or "") == "word":
            return True
    return False


def _kind(text: str) -> str:
    """Return what a field looks like: a number, a time, a link, a code, a word, a few words, or a text."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return "number"
    if _TIME.fullmatch(text):
        return "time"
    if "://" in text:
        return "link"
    words = len(text.split())
    if words > 4 or text.endswith((".", "!", "?", ",")):
        return "text"
    if words > 1:
        return "words"
    return "code" if any(map(str.isdigit, text)) else "word"
