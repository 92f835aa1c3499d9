"""What the pages ask of a store, and what it answers: findings, as JSON and as CSV."""

import csv
import io
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from sqlalchemy import Connection

from moodmill.db.analytics.comparison import compare, sides_asked
from moodmill.db.analytics.facts import Facts, facts
from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.pairs import pairs
from moodmill.db.analytics.reading import Order, read_comments
from moodmill.db.analytics.results import By, heatmap, overview, rank, subreddits, trend
from moodmill.db.analytics.scope import Scope, scope_asked
from moodmill.db.analytics.sums import LEAST, Measure
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import SettingError
from moodmill.db.core.formulas import harmless
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import Store
from moodmill.web.runs import look

#: Rows of a finding that a page gets at most.
MOST: Final = 50_000
#: Digits of a number that a page gets: more than anybody sees.
_DIGITS: Final = 5
#: How many of something an address may ask for.
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A question's parameters, as an address has them. Each question takes those that it needs."""

    emotion: str = ""
    emotions: str = ""
    subreddit: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    measure: Measure = "share"
    least: Count = 0
    named: str = ""
    limit: Count = 0
    skip: Count = 0
    by: Literal["", "day", "week", "month"] = ""
    order: Order = "clearest"
    words: str = ""
    a: str = ""
    b: str = ""


def _trend(connection: Connection, scope: Scope, asked: Asked) -> Finding:
    by: By | None = asked.by or None
    emotions = tuple(filter(None, asked.emotions.split(","))) or EMOTIONS
    return trend(connection, scope, emotions, by=by)


QUESTIONS: Final[Mapping[str, Callable[[Connection, Scope, Asked], Finding]]] = {
    "overview": lambda connection, scope, _: overview(connection, scope),
    "rank": lambda connection, scope, asked: rank(
        connection,
        scope,
        asked.emotion,
        measure=asked.measure,
        least=max(asked.least, 1),
        named=asked.named,
        most=asked.limit or None,
    ),
    "trend": _trend,
    "heatmap": lambda connection, scope, asked: heatmap(
        connection, scope, least=asked.least or LEAST, most=asked.limit or 20
    ),
    "compare": lambda connection, scope, asked: compare(connection, sides_asked(scope, asked.a, asked.b)),
    "pairs": lambda connection, scope, asked: pairs(
        connection, scope, asked.emotion or None, least=asked.least or LEAST
    ),
    "examples": lambda connection, scope, asked: read_comments(
        connection,
        scope,
        asked.emotion,
        words=asked.words,
        order=asked.order,
        most=min(asked.limit or 20, 200),
        skip=asked.skip,
    ),
    "subreddits": lambda connection, scope, asked: subreddits(
        connection, scope, named=asked.named, most=asked.limit or 50
    ),
}


class Results:
    """A store to ask. May be used from several threads at once; holds nothing between questions."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings: Final = settings

    def answer(self, question: str, given: Sequence[tuple[str, str]]) -> Finding:
        """Answer one of QUESTIONS, asked by an address's names and values.

        Raises SettingError for a parameter that is none, or where nothing is found.
        """
        named: dict[str, Any] = dict(given)
        if names := [value for name, value in given if name == "subreddit" and value]:
            named["subreddit"] = names
        try:
            asked = msgspec.convert({name: value for name, value in named.items() if value != ""}, Asked, strict=False)
        except msgspec.ValidationError as error:
            raise SettingError(f"the address asks for what there is not: {error}") from error
        with self._opened() as store:
            scope = scope_asked(store, names=asked.subreddit, since=asked.since or None, until=asked.until or None)
            with store.reading() as connection:
                return QUESTIONS[question](connection, scope, asked)

    def facts(self) -> dict[str, Any]:
        """Return what the store holds: its model, comments, time and emotions; how many show any of them."""
        with self._opened() as store:
            scope = scope_asked(store)
            with store.reading() as connection:
                return facts_json(facts(connection, scope))

    def runs(self) -> dict[str, Any]:
        """Return the runs, what is left of them, dead letters and jobs."""
        with self._opened() as store:
            return look(store)

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        with closing(Store(self._settings.database_url)) as store:
            store.require()
            store.require_schema()
            yield store


def as_json(finding: Finding, *, digits: int = _DIGITS, most: int | None = MOST) -> dict[str, Any]:
    """Return a finding as pages take it: columns, rows in their order, and what is to be known beside them."""
    rows = [[_value(value, digits) for value in row] for row in finding.rows[:most]]
    left = len(finding.rows) - len(rows)
    said = (f"{left:,} more rows are not shown",) if left else ()
    return {
        "columns": finding.columns,
        "rows": rows,
        "remarks": (*finding.remarks, *said),
        "queries": finding.queries,
    }


def facts_json(found: Facts) -> dict[str, Any]:
    """Return facts as pages take them."""
    held = asdict(found)
    return held | {"emotions": [one | {"threshold": _value(one["threshold"])} for one in held["emotions"]]}


def as_csv(finding: Finding) -> str:
    """Return a finding for a spreadsheet, which shall take no text for a formula."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(finding.columns)
    writer.writerows([harmless(value) if isinstance(value, str) else value for value in row] for row in finding.rows)
    return written.getvalue()


def _value(value: Any, digits: int = _DIGITS) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{digits}g}")
    return value.isoformat() if isinstance(value, date) else value
