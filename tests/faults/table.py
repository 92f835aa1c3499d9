"""What came of the faults, a row each, as RELIABILITY.md shows it."""

from collections.abc import Sequence
from typing import NamedTuple

from moodmill.db.analytics.reads import RunStatus
from moodmill.db.core.engine import EngineName
from tests.faults.points.sweep import Outcome


class Row(NamedTuple):
    fault: str
    engine: EngineName
    store: str
    #: Records of the source.
    records: int
    #: Results, skips and dead letters.
    ends: int
    lost: int
    twice: int
    #: From the fault to the end of the run, with what was left to do.
    seconds: float
    #: What an operator does, where something is left to do.
    remedy: str

    @classmethod
    def of(
        cls, fault: str, engine: EngineName, store: str, found: RunStatus, seconds: float, remedy: str = "nothing"
    ) -> "Row":
        ends = found.classified + sum(found.skipped.values()) + found.dead
        return cls(
            fault=fault,
            engine=engine,
            store=store,
            records=found.read,
            ends=ends,
            lost=found.read - ends,
            twice=found.classified - found.new_rows,
            seconds=seconds,
            remedy=remedy,
        )


class SweepRow(NamedTuple):
    """What came of the strikes at all points of a scenario."""

    process: str
    store: str
    points: int
    strikes: int
    #: Strikes after which the process itself ended well, and those after which it had to be begun again.
    healed: int
    repeated: int
    #: Strikes at points that no later run came by.
    missed: int
    minutes: float

    @classmethod
    def of(cls, outcome: Outcome, store: str) -> "SweepRow":
        return cls(
            process=outcome.scenario,
            store=store,
            points=len(outcome.points),
            strikes=outcome.healed + outcome.repeated,
            healed=outcome.healed,
            repeated=outcome.repeated,
            missed=len(outcome.missed),
            minutes=outcome.seconds / 60,
        )


def table(rows: Sequence[Row]) -> str:
    """Return faults as a table in Markdown."""
    return _table(
        "fault | engine | store | records in | rows out | lost | twice | seconds to the end of the run | "
        "what an operator does",
        rows,
    )


def sweep_table(rows: Sequence[SweepRow]) -> str:
    """Return sweeps as a table in Markdown."""
    return _table("process | store | points | strikes | ended well by itself | begun again | not met | minutes", rows)


def _table(head: str, rows: Sequence[Row] | Sequence[SweepRow]) -> str:
    lines = [f"| {head} |", f"|{' --- |' * (head.count('|') + 1)}"]
    for row in rows:
        values = (f"{value:.0f}" if isinstance(value, float) else str(value) for value in row)
        lines.append(f"| {' | '.join(values)} |")
    return "\n".join(lines)
