"""Fields that a spreadsheet would take for formulas, and run when the file is opened (OWASP, "CSV Injection")."""

import re
from typing import Final

#: How such a field begins.
FORMULA: Final = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"
_FORMULA: Final = re.compile(FORMULA)


def harmless(text: str) -> str:
    """Return a text with a ' before it where it begins as a formula does: as spreadsheets mark text."""
    return f"'{text}" if _FORMULA.match(text) else text
