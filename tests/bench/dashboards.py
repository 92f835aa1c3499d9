"""The queries of the dashboards, as Grafana would send them: for what runs or times them without it.

Of Grafana's macros and variables those are put in that the dashboards use, as its documentation has them:

    $__timeFilter(column)      column BETWEEN 'start' AND 'stop'
    $__timeFrom(), $__timeTo() 'start', 'stop'
    ${name:sqlstring}          the chosen values, quoted, with commas between; the variable's allValue for "All"
    $name                      the chosen value as it is; the variable's default
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

#: Where the dashboards lie in a clone of the project.
DASHBOARDS: Final = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"
#: A time that holds all of Reddit.
ALWAYS: Final = (datetime(2005, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))

_FILTER: Final = re.compile(r"\$__timeFilter\((\w+)\)")
_VARIABLE: Final = re.compile(r"\$\{(\w+):sqlstring\}|\$(\w+)")


@dataclass(frozen=True, kw_only=True)
class PanelQuery:
    """What one panel, or one variable, asks the store."""

    title: str
    #: Grafana's name of its kind: timeseries, table, …; "variable" of a variable.
    kind: str
    #: "time_series", which needs a column `time`, or "table".
    format: str
    sql: str


def panel_queries(
    during: tuple[datetime, datetime] = ALWAYS,
    chosen: Mapping[str, Sequence[str]] | None = None,
    folder: Path = DASHBOARDS,
) -> list[PanelQuery]:
    """Return all queries of the dashboards to the store, of panels and of variables, ready to be run.

    `during` is the time that is looked at, `chosen` what is chosen of variables; "All" of one that is not named there.
    """
    found = []
    for file in sorted(folder.glob("*.json")):
        board = json.loads(file.read_text(encoding="utf-8"))
        variables = {one["name"]: one for one in board["templating"]["list"]}
        for title, kind, format_, raw in _queries(board):
            sql = _put_in(raw, during, chosen or {}, variables)
            found.append(PanelQuery(title=title, kind=kind, format=format_, sql=sql))
    return found


def _queries(board: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield title, kind, format and SQL as they stand in a dashboard."""
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["label"], "variable", "table", variable["query"]
    for panel in board["panels"]:
        for target in panel["targets"]:
            if "rawSql" in target:
                yield panel["title"], panel["type"], target["format"], target["rawSql"]


def _put_in(
    raw: str,
    during: tuple[datetime, datetime],
    chosen: Mapping[str, Sequence[str]],
    variables: Mapping[str, Mapping[str, Any]],
) -> str:
    start, stop = (f"'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'" for moment in during)

    def value(match: re.Match[str]) -> str:
        quoted, plain = match.groups()
        if plain:
            return chosen[plain][0] if plain in chosen else str(variables[plain]["current"]["value"])
        if quoted in chosen:
            return ",".join("'" + one.replace("'", "''") + "'" for one in chosen[quoted])
        return str(variables[quoted]["allValue"])

    sql = _FILTER.sub(lambda match: f"{match[1]} BETWEEN {start} AND {stop}", raw)
    return _VARIABLE.sub(value, sql.replace("$__timeFrom()", start).replace("$__timeTo()", stop))
