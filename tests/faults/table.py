"""What came of the faults, a row each, as RELIABILITY.md shows it."""

from collections.abc import Sequence
from typing import NamedTuple


class Row(NamedTuple):
    fault: str
    store: str
    #: Records of the source.
    records: int
    #: Results, skips and dead letters.
    ends: int
    lost: int
    twice: int
    #: From the fault to the end of the run, with what was left to do.
    seconds: float


def table(rows: Sequence[Row]) -> str:
    """Return rows as a table in Markdown."""
    lines = [
        "| fault | store | records in | rows out | lost | twice | seconds to the end of the run |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        *values, seconds = row
        lines.append(f"| {' | '.join(map(str, values))} | {seconds:.0f} |")
    return "\n".join(lines)
