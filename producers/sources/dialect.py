"""The dialect of a table as text: what stands between fields, around them, and before what is meant as itself."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from moodmill.db.core.errors import SettingError
from moodmill.producers.sources.encoding import check_encoding
from moodmill.producers.sources.layout import Layout, ReadOptions

_NAMED: Final = {
    "tab": "\t",
    "comma": ",",
    "semicolon": ";",
    "pipe": "|",
    "space": " ",
    "backslash": "\\",
    r"\t": "\t",
    "\\\\": "\\",
    "none": "",
}
_CODE: Final = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\([0-7]{3})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    r"""How rows are written.

    - A quote and no escape: a quote within a quoted field is doubled, as nearly all programs write it.
    - A quote and an escape: within quoted fields the escape stands before a quote and before itself, as Spark writes
      it; with `escapes_unquoted` everywhere and before anything, as Python's and MySQL's writers do.
    - An escape and no quote: PostgreSQL's COPY, MySQL and Hive, with `\n`, `\t` and `\N` for null.
    - Neither: what is between two delimiters is the field.
    """

    delimiter: str
    quote: str | None = None
    escape: str | None = None
    escapes_unquoted: bool = False
    #: What ends a line: "\n", before which "\r" may stand, or "\r" alone.
    line_end: str = "\n"

    @classmethod
    def of(cls, layout: Layout) -> "Dialect":
        return cls(
            delimiter=layout.delimiter or ",",
            quote=layout.quote,
            escape=layout.escape,
            escapes_unquoted=layout.escapes_unquoted,
            line_end=layout.line_end,
        )


def normalised(options: ReadOptions) -> ReadOptions:
    """Return the options with the characters that names and codes stand for; again, it changes nothing.

    Raises SettingError for what is not one character, for two that are the same, an unknown encoding, a row below 0.
    """
    delimiter = None if options.delimiter is None else _character("--delimiter", options.delimiter)
    quote = None if options.quote is None else _character("--quote", options.quote)
    escape = None if options.escape is None else _character("--escape", options.escape)
    if delimiter == "":
        raise SettingError("expected a character for --delimiter, found none: a table of one column has any other")
    if escape and escape == quote:
        escape = ""  # a doubled quote is what is meant by no escape
    for one, other in (("--quote", quote), ("--escape", escape)):
        if delimiter and delimiter == other:
            raise SettingError(f"expected --delimiter and {one} to differ, found {delimiter!r} for both")
    if options.header_row is not None and options.header_row < 0:
        raise SettingError(f"expected the number of a line from 1 for --header-row, or 0, found {options.header_row}")
    return msgspec.structs.replace(
        options,
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        encoding=None if options.encoding is None else check_encoding(options.encoding),
    )


def _character(option: str, given: str) -> str:
    character = _NAMED.get(given.lower(), given)
    if code := _CODE.fullmatch(character):
        sixteen, unicode, eight = code.groups()
        character = chr(int(sixteen or unicode, 16) if eight is None else int(eight, 8))
    if len(character) > 1 or character in ("\0", "\r", "\n") or "\ud800" <= character <= "\udfff":
        raise SettingError(
            rf"expected one character for {option}, or a name such as tab, none, \t or \x01, found {given!r}"
        )
    return character
