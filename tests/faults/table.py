"""What came of the faults, a row each, as RELIABILITY.md shows it."""

from collections.abc import Sequence
from typing import NamedTuple

from db.reads import RunStatus


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

    @classmethod
    def of(cls, fault: str, store: str, found: RunStatus, seconds: float) -> "Row":
        ends = found.classified + sum(found.skipped.values()) + found.dead
        return cls(
            fault=fault,
            store=store,
            records=found.read,
            ends=ends,
            lost=found.read - ends,
            twice=found.classified - found.new_rows,
            seconds=seconds,
        )


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
