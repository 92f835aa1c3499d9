"""How a finding looks on a terminal: a table, its remarks beside it; as JSON for scripts."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from moodmill.cli.printing import MINUTE, OUTPUT, REMARKS, print_json
from moodmill.cli.visible import visible
from moodmill.db.analytics.findings import Finding
from moodmill.db.core.text import shortened

#: Characters of a text that are shown.
_TEXT: Final = 200
#: Columns that may be broken into several lines.
_LONG: Final = ("text", "emotions", "link", "subreddit")
#: Columns that are shares, each with the ends of its interval.
_SHARES: Final = ("share", "prevalence")
#: How the columns of a comparison end, and what is said for that.
_SIDES: Final = {"_a": "in A", "_b": "in B", "_difference": "A - B"}


def print_finding(finding: Finding, columns: Sequence[str], *, as_json: bool, **about: Any) -> None:
    """Print some columns of a finding; a column that has an interval is shown with it. As JSON, all columns."""
    if as_json:
        rows = list(finding.records())
        print_json({**about, "rows": rows, "remarks": finding.remarks, "queries": finding.queries})
        return
    table = Table(box=None)
    for name in columns:
        is_text = any(isinstance(value, str | date) for value in finding.column(name))
        table.add_column(
            _title(name), justify="left" if is_text else "right", overflow="fold", no_wrap=name not in _LONG
        )
    for record in finding.records():
        # What the console shows for a character is wider than that: it would be cut off.
        table.add_row(*(Text(visible(_shown(name, record))) for name in columns))
    if finding.rows:
        OUTPUT.print(table)
    elif not finding.remarks:
        OUTPUT.print("nothing is of what is asked for")
    for remark in finding.remarks:
        REMARKS.print(Text(remark), soft_wrap=True)


def _title(name: str) -> str:
    for end, said in _SIDES.items():
        if name.endswith(end):
            name = f"{name.removesuffix(end)} {said}"
    return name.replace("_", " ")


def _shown(name: str, record: Mapping[str, Any]) -> str:
    value = record[name]
    if value is None:
        return ""
    if name.startswith(_SHARES):
        return _with_interval(value, record.get(f"{name}_low"), record.get(f"{name}_high"), name.endswith("difference"))
    if name == "lift":
        return f"{value:.1f} x"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, datetime):
        return value.strftime(MINUTE)
    return f"{value:,}" if isinstance(value, int) else shortened(str(value), _TEXT)


def _with_interval(value: float, low: float | None, high: float | None, is_difference: bool) -> str:
    if low is None or high is None:
        return f"{value:.1%}"
    if is_difference:
        return f"{100 * value:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    return f"{value:.1%} ({100 * low:.1f}-{100 * high:.1f})"
