"""Prints the tables of the faults and of the sweeps after their tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.table import Row, SweepRow, sweep_table, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [Row(**value) for value in _recorded(terminalreporter, "fault")]
    order = [fault.name for fault in CATALOGUE]
    rows.sort(key=lambda row: (order.index(row.fault), row.engine, row.store))
    sweeps = sorted(SweepRow(**value) for value in _recorded(terminalreporter, "sweep"))
    for printed in (table(rows) if rows else "", sweep_table(sweeps) if sweeps else ""):
        if printed:
            terminalreporter.write_line(f"\n{printed}")


def _recorded(terminalreporter: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    for report in (*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])):
        yield from (value for found, value in report.user_properties if found == name)
