"""Which quoting a table has, once its delimiter is known: by the quotes and escapes at its beginning.

Where nothing decides, quotes are doubled, as nearly all programs write them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from moodmill.producers.sources.attempt import Attempt
from moodmill.producers.sources.dialect import Dialect
from moodmill.producers.sources.layout import ReadOptions

#: These delimiters separate texts without quotes as well; a comma stands in too many of them.
RARE: Final = frozenset(("\t", ";", "|", "\x01"))
#: Share of rows that may not fit a table without quotes, unless far more do not fit one with quotes.
_UNEVEN: Final = 0.01
#: Escapes that are no accident if there is nothing against them.
_ENOUGH: Final = 3
#: What follows an escape in PostgreSQL's and MySQL's dumps, besides a delimiter, a quote and a line's end.
_LETTERS: Final = frozenset("nrtbfv0ZN")

_Read = Callable[[Dialect], Attempt]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forms:
    """The dialects that a delimiter may go with, as far as options allow them."""

    #: A quote within quotes is doubled.
    doubled: Dialect | None
    #: An escape stands before it, and before itself.
    escaped: Dialect | None
    #: An escape stands in fields without quotes as well.
    escaped_all: Dialect | None
    #: Nothing is quoted, nothing is escaped.
    plain: Dialect | None
    #: Nothing is quoted; delimiters and line ends are escaped.
    plain_escaped: Dialect | None

    @classmethod
    def of(cls, delimiter: str, options: ReadOptions, end: str) -> "Forms":
        quote = '"' if options.quote is None else options.quote
        escape = "\\" if options.escape is None else options.escape
        quotes, escapes = bool(quote), bool(escape) and escape != delimiter

        def form(**signs: str | bool) -> Dialect:
            return Dialect(delimiter=delimiter, line_end=end, **signs)  # type: ignore[arg-type]

        return cls(
            doubled=form(quote=quote) if quotes and not options.escape else None,
            escaped=form(quote=quote, escape=escape) if quotes and escapes else None,
            escaped_all=form(quote=quote, escape=escape, escapes_unquoted=True) if quotes and escapes else None,
            plain=form() if not options.quote and not options.escape else None,
            plain_escaped=form(escape=escape) if not options.quote and escapes else None,
        )

    def likely(self, lines: Sequence[str]) -> Iterator[Dialect]:
        """Yield the forms that are worth a try before the delimiter is known."""
        text = "".join(lines)
        if self.doubled:
            yield self.doubled
        if self.plain:
            yield self.plain
        if self.escaped and self.escaped.escape and self.escaped.escape in text:
            yield self.escaped
        elif not self.doubled and not self.plain:
            yield from filter(None, (self.escaped, self.plain_escaped))


def choose(forms: Forms, lines: Sequence[str], read: _Read) -> Attempt:
    """Return the likeliest form, read. `lines` are those from the header on; `read` reads the sample in one."""
    text = "".join(lines)
    doubled = read(forms.doubled) if forms.doubled else None
    if doubled and not doubled.uneven and _has_doubled_quotes(text, doubled.dialect) and not _swallowed(doubled, lines):
        return doubled
    quoted = _quoted(forms, doubled, text, read)
    opens = quoted is not None and _opens(quoted.dialect, text)
    if quoted and opens and quoted.dialect.delimiter not in RARE:
        return quoted
    unquoted = _unquoted(forms, text, read)
    if quoted is None or unquoted is None:
        return next(filter(None, (quoted, unquoted)))  # options forbid one of them at most
    return unquoted if _is_unquoted(unquoted, quoted, lines, opens) else quoted


def _quoted(forms: Forms, doubled: Attempt | None, text: str, read: _Read) -> Attempt | None:
    if forms.escaped is None or forms.escaped_all is None:
        return doubled
    pairs = _Pairs.of(text, forms.escaped)
    if doubled and not pairs.count:
        return doubled
    escaped, escaped_all = read(forms.escaped), read(forms.escaped_all)
    best = escaped
    if escaped_all.uneven < escaped.uneven or (escaped_all.uneven == escaped.uneven and pairs.are_everywhere):
        best = escaped_all
    if doubled is None or best.uneven < doubled.uneven:
        return best
    if best.uneven > doubled.uneven or _has_doubled_quotes(text, best.dialect):
        return doubled
    within = _Pairs.of("".join(_quoted_fields(text, best.dialect)), best.dialect)
    return best if within.are_of_quotes else doubled


def _unquoted(forms: Forms, text: str, read: _Read) -> Attempt | None:
    plain = read(forms.plain) if forms.plain else None
    if forms.plain_escaped is None:
        return plain
    pairs = _Pairs.of(text, forms.plain_escaped)
    if plain and not pairs.count:
        return plain
    escaped = read(forms.plain_escaped)
    is_escaped = pairs.are_of_dumps or (plain and escaped.uneven < plain.uneven and not pairs.others)
    return escaped if is_escaped or plain is None else plain


def _is_unquoted(unquoted: Attempt, quoted: Attempt, lines: Sequence[str], opens: bool) -> bool:
    """Whether a table has no quotes, where `opens` says that some field begins with one."""
    if quoted.dialect.delimiter not in RARE:
        return not opens and unquoted.dialect.escape is not None and unquoted.uneven < quoted.uneven
    if unquoted.width < 2:
        return False
    rows = len(unquoted.below) + len(unquoted.bad)
    lost = quoted.uneven + _swallowed(quoted, lines)
    if unquoted.uneven > _UNEVEN * rows:
        return 2 * unquoted.uneven < lost
    text = "".join(lines)
    if not opens:
        return (quoted.dialect.quote or "") in text or unquoted.dialect.escape is not None
    return lost > unquoted.uneven or (unquoted.dialect.escape is not None and not _needs_quotes(quoted, text))


def _opens(dialect: Dialect, text: str) -> bool:
    """Whether some field begins with a quote."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote or "")
    return re.search(rf"(?:^|{d}){q}", text, re.MULTILINE) is not None


def _swallowed(quoted: Attempt, lines: Sequence[str]) -> int:
    """Return how many lines stand within rows of several lines that would each be a row without quotes."""
    delimiter, delimiters = quoted.dialect.delimiter, quoted.width - 1
    if not quoted.numbers:
        return 0
    first = quoted.numbers[0]
    count = 0
    for number, after in zip(quoted.numbers, [*quoted.numbers[1:], first + len(lines)], strict=True):
        within = lines[number - first : after - first]
        if len(within) > 1 and all(line.count(delimiter) == delimiters for line in within):
            count += len(within) - 1
    return count


def _needs_quotes(quoted: Attempt, text: str) -> bool:
    """Whether some field would be another one without its quotes."""
    delimiter = quoted.dialect.delimiter
    fields = (name for row in quoted.below for name in row if name)
    return any(delimiter in name or "\n" in name or "\r" in name for name in fields) or _has_doubled_quotes(
        text, quoted.dialect
    )


def _quoted_fields(text: str, dialect: Dialect) -> list[str]:
    """Return what stands within quotes, where no quote does."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote or "")
    return re.findall(rf"(?:^|{d}){q}([^{q}]*+){q}(?=[{d}\r\n]|\Z)", text, re.MULTILINE)


def _has_doubled_quotes(text: str, dialect: Dialect) -> bool:
    """Whether some field is quoted and has doubled quotes within."""
    d, q = re.escape(dialect.delimiter), re.escape(dialect.quote or "")
    field = rf"(?:^|{d}){q}[^{q}]*+(?:{q}{q}[^{q}]*+)++{q}(?=[{d}\r\n]|\Z)"
    return any(set(found) != {dialect.quote} or len(found) > 2 for found in re.findall(field, text, re.MULTILINE))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pairs:
    """What follows escapes in a text, from left to right."""

    count: int
    #: Escapes before a quote, or before an escape.
    of_quotes: int
    #: Before a delimiter or a line's end, or in a null.
    of_structure: int
    #: Before a letter that dumps have there.
    of_letters: int
    #: Before anything else: there they are no escapes.
    others: int
    #: Escapes before escapes in fields without quotes.
    unquoted: int

    @classmethod
    def of(cls, text: str, dialect: Dialect) -> "_Pairs":
        d, e, q = (re.escape(sign or "") for sign in (dialect.delimiter, dialect.escape, dialect.quote))
        pairs = Counter(re.findall(rf"{e}(.)", text, re.DOTALL))
        nulls = len(re.findall(rf"(?:^|(?<={d})){e}N(?=[{d}\r\n]|\Z)", text, re.MULTILINE))
        of_quotes = pairs[dialect.escape or ""] + pairs[dialect.quote or '"']
        of_structure = pairs[dialect.delimiter] + pairs["\n"] + pairs["\r"] + nulls
        of_letters = sum(pairs[letter] for letter in _LETTERS) - nulls
        count = pairs.total()
        unquoted = len(re.findall(rf"(?:^|{d})[^{d}{q}\r\n]*{e}{e}", text, re.MULTILINE)) if q else 0
        ends = len(re.findall(rf"^{e}\.\r*$", text, re.MULTILINE))  # of the data of COPY in a script
        others = count - of_quotes - of_structure - of_letters - ends
        return cls(
            count=count,
            of_quotes=of_quotes,
            of_structure=of_structure,
            of_letters=of_letters,
            others=others,
            unquoted=unquoted,
        )

    @property
    def are_everywhere(self) -> bool:
        """Whether, if quotes are escaped, fields without quotes have escapes as well."""
        return not self.others and not self.of_letters and (self.unquoted >= _ENOUGH or self.of_structure > 0)

    @property
    def are_of_quotes(self) -> bool:
        """Whether they are no accident, although the table reads without them."""
        return self.of_quotes >= _ENOUGH and not self.others and not self.of_letters

    @property
    def are_of_dumps(self) -> bool:
        """Whether they are those of PostgreSQL's or MySQL's dumps."""
        return not self.others and (bool(self.of_structure) or self.of_quotes + self.of_letters >= 2)
