"""The beginning of a table as it reads in a dialect: what the dialects that are tried are compared by."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from moodmill.producers.sources.cutter import Fields
from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.rows import BadRow

#: Share of its rows that a table of one column counts: what most lines can be cut at is no accident.
_ONE_COLUMN: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The beginning of a table as it reads in a dialect."""

    dialect: Dialect
    #: Rows and the numbers of their first lines, from 1; the header and what stands above it among them.
    rows: Sequence[Fields]
    numbers: Sequence[int]
    bad: Sequence[BadRow]
    #: Which of the rows names the columns; None: none does.
    header: int | None
    #: The names of the columns, one for each field of a row; empty without a header.
    names: Fields
    #: Fields of a row.
    width: int
    #: The fields of Columns that are named.
    named: frozenset[str] = field(default=frozenset())

    @property
    def below(self) -> Sequence[Fields]:
        """The rows below the header."""
        return self.rows if self.header is None else self.rows[self.header + 1 :]

    @property
    def uneven(self) -> int:
        """How many rows do not fit."""
        return len(self.bad) + sum(len(row) != self.width for row in self.below)

    @property
    def header_row(self) -> int | None:
        """The number of the line that names the columns, from 1."""
        return None if self.header is None else self.numbers[self.header]

    def worth(self, text_column: int) -> tuple[bool, bool, int, bool, float]:
        """How likely its delimiter is; `text_column` is the number of that column from 1, if somebody said it."""
        count = len(self.below) + len(self.bad)
        share = 1 - self.uneven / count if count else 1.0
        return (
            self.width >= text_column,
            "text" in self.named,
            len(self.named),
            bool(self.rows) and len(self.rows[0]) == self.width,
            round(share if self.width > 1 else share * _ONE_COLUMN, 2),
        )
