"""Prints the table of the faults after their tests."""

import pytest

from tests.faults.catalogue import CATALOGUE
from tests.faults.table import Row, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = terminalreporter.stats.get("passed", [])
    rows = [Row(**value) for report in passed for name, value in report.user_properties if name == "fault"]
    order = [fault.name for fault in CATALOGUE]
    rows.sort(key=lambda row: (order.index(row.fault), row.store))
    if rows:
        terminalreporter.write_line("")
        terminalreporter.write_line(table(rows))
