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
_UNWANTED: Final = re.compile("[\0\ud800-\udfff]")
#: Characters of a text that stands for one in a table.
SHORT: Final = 70


def is_utf8(text: str) -> bool:
    """Tell whether UTF-8 holds `text`: names of files and columns may have lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(text: str) -> str:
    """Return `text` without NUL (PostgreSQL refuses it) and lone surrogates (no UTF-8 holds them).

    Each becomes U+FFFD; two surrogates that make a pair become the character they stand for.
    """
    # Most texts are ASCII, where only NUL can be unwanted: a check twenty times as fast as the search.
    unwanted = "\0" in text if text.isascii() else _UNWANTED.search(text)
    if not unwanted:
        return text
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined.replace("\0", "\ufffd")


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
