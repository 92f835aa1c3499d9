"""Whether lines within quotes look like rows themselves: then a quote that stands astray has swallowed them."""

import re
from collections.abc import Sequence
from typing import Final

from moodmill.producers.sources.dialect import Dialect

_DIGIT: Final = re.compile(r"\d")
_PUNCTUATION: Final = re.compile(r"[-_:./]")


class Likeness:
    """A line looks like a row if it has as many delimiters, and begins with a number or code as the first of them does.

    So do few texts of several lines: their lines would have to begin like the id of their row.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote

    def are_rows(self, lines: Sequence[str], width: int) -> bool:
        """Whether all lines look like rows of `width` fields."""
        first = self._key(lines[0], width)
        return first is not None and all(_is_alike(first, self._key(line, width)) for line in lines[1:])

    def hold_rows(self, lines: Sequence[str], width: int) -> bool:
        """Whether the first line and another one do."""
        first = self._key(lines[0], width)
        return first is not None and any(_is_alike(first, self._key(line, width)) for line in lines[1:])

    def _key(self, line: str, width: int) -> str | None:
        """Return the number or code that a line begins with if it has as many delimiters as a row."""
        if width < 2 or self._quote is None or line.count(self._delimiter) != width - 1:
            return None
        key = line.partition(self._delimiter)[0].strip(self._quote)
        return key if _DIGIT.search(key) and _PUNCTUATION.sub("", key).isalnum() else None


def _is_alike(key: str, other: str | None) -> bool:
    """Whether two keys are of one kind: as long, give or take one, and both numbers, or codes that begin alike."""
    return (
        other is not None
        and abs(len(key) - len(other)) <= 1
        and key.isdigit() == other.isdigit()
        and key[0].isalpha() == other[0].isalpha()
    )
