"""What a dead letter keeps of its record: all of it, or the head of one that is too long."""

import re
from typing import Final

#: Characters from which on a record is too long to be kept.
PAYLOAD_LIMIT: Final = 65_536
#: Characters that are kept of it then.
HEAD: Final = 1_000
#: Stands behind them.
_CUT: Final = re.compile(r"\n… cut after [\d,]+ characters of [\d,]+: a replay reads the record from its source\Z")


def kept_payload(text: str, length: int | None = None) -> str:
    """Return what is kept of a record; where `text` is only its beginning, `length` says how long it is."""
    if len(text) < PAYLOAD_LIMIT and length is None:
        return text
    head = text[:HEAD]
    whole = len(text) if length is None else length
    return f"{head}\n… cut after {len(head):,} characters of {whole:,}: a replay reads the record from its source"


def is_marked(payload: str) -> bool:
    """Tell whether a payload has the mark of one that is a head."""
    return _CUT.search(payload) is not None


def is_cut(payload: str) -> bool:
    """Tell whether a payload is the head of a record: with the mark, or as what could not be read was cut once."""
    return len(payload) == PAYLOAD_LIMIT or is_marked(payload)
