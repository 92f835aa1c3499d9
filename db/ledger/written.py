"""How the ledger writes what is no number: names of files, layouts, examples."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

#: Characters of a note's example.
EXAMPLE_LIMIT: Final = 200
#: What stands in names of files for bytes that are no UTF-8.
_NO_UTF8: Final = re.compile("[\ud800-\udfff]")


def read_written_names(written: str | None) -> dict[str, tuple[str, ...]]:
    """Return names by reason, as a run has them."""
    return {} if written is None else msgspec.json.decode(written, type=dict[str, tuple[str, ...]])


def written_names(names: Mapping[str, Sequence[str]]) -> str | None:
    if not names:
        return None
    # Names of files may be any bytes, and are here for people: what is no UTF-8 has a mark in its place.
    marked = {reason: [_NO_UTF8.sub("\ufffd", name) for name in found] for reason, found in names.items()}
    return msgspec.json.encode(marked).decode()


def written_layout(layout: Mapping[str, Any] | None) -> str | None:
    # ASCII with escapes: a name of a column may hold what no database takes, and comes back as it was.
    return None if layout is None else json.dumps(dict(layout))


def read_layout(written: str | None) -> dict[str, Any] | None:
    """Return a layout, as a source has it."""
    layout: dict[str, Any] | None = None if written is None else json.loads(written)
    return layout


def written_example(example: str | None) -> str | None:
    """Return an example on one line, without control characters, cut at EXAMPLE_LIMIT characters."""
    if example is None:
        return None
    line = "".join(one if one.isprintable() else " " for one in example[: 4 * EXAMPLE_LIMIT])
    line = " ".join(line.split())
    return line if len(line) <= EXAMPLE_LIMIT else f"{line[: EXAMPLE_LIMIT - 1]}…"
