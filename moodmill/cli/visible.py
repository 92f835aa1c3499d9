"""What comes from outside, shown on a terminal: characters that would command it are seen instead.

A record, a file's name or an error may hold what clears the screen, writes to the clipboard, or turns the order of the
letters round.
"""

import re
from typing import Final

#: Control characters but newline and tab, and those that change the direction of what follows.
_COMMANDS: Final = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
#: Where Unicode has pictures of the first 32 control characters, and that of the one behind the letters.
_PICTURES: Final = 0x2400
_DELETE: Final = ("\x7f", "\u2421")


def visible(text: str) -> str:
    """Return a text whose control characters are pictures or escapes: ␛ for ESC, \\x9b, \\u202e."""
    return _COMMANDS.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    character = found[0]
    if character < " ":
        return chr(_PICTURES + ord(character))
    if character == _DELETE[0]:
        return _DELETE[1]
    return f"\\x{ord(character):02x}" if character < "\u0100" else f"\\u{ord(character):04x}"
