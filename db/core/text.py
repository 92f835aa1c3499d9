"""What a text must hold to be one, and how it looks on a line."""

import re
import unicodedata
from typing import Final

#: Categories of characters that leave no mark of their own: controls, format characters (zero-width, direction marks,
#: the byte order mark, the soft hyphen), surrogates, blanks, and marks that only change the letter before them, of
#: which variation selectors are some. Not among them: unassigned, for emoji newer than Python's tables, and private.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
#: What categories call letters and symbols, and shows nothing: Hangul's fillers, Braille without a dot, the null note;
#: what stands for a character or an object that did not come through; noncharacters.
_BLANK: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159\ufffd\ufffc\ufffe\uffff")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
#: Characters of a text that stands for one in a table.
SHORT: Final = 70


def is_utf8(text: str) -> bool:
    """Tell whether UTF-8 holds `text`: names of files and columns may have lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable(text: str) -> str:
    """Return a text with U+FFFD in place of lone surrogates, which UTF-8 does not hold; of the same length."""
    return text if is_utf8(text) else _SURROGATES.sub("\ufffd", text)


def is_visible(text: str) -> bool:
    """Tell whether a reader would see anything of `text`."""
    # Nearly every text begins with a letter of ASCII, which needs no look at categories.
    return "!" <= text[:1] <= "~" or any(map(shows, text))


def shows(character: str) -> bool:
    """Tell whether one character alone leaves a mark."""
    if character.isascii():
        return "!" <= character <= "~"
    return unicodedata.category(character) not in _UNSEEN and character not in _BLANK


def shortened(text: str, limit: int = SHORT) -> str:
    """Return a text on one line, cut at `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
