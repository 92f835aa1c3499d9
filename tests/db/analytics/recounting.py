"""What results are compared with: the rows of the store, read one by one and added up by numpy. No test stands here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray
from sqlalchemy import Connection

from moodmill.db.analytics.findings import Finding
from moodmill.db.analytics.intervals import Array, Estimates
from moodmill.db.analytics.results import ESTIMATES
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.sums import MEASURES, Sums
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import address_of
from moodmill.db.lake.reader import reading_lake
from moodmill.db.results.models import register_model
from tests.db.builders import classified, matrix, rows, scattered, stored

Row = Mapping[str, Any]
Given = ParamSpec("Given")
Found = TypeVar("Found")

#: Names of models are anybody's.
MODEL = "o'm 50%:x\\n"
LIMITS = np.linspace(0.3, 0.8, len(EMOTIONS), dtype=np.float32)
THRESHOLDS = dict(zip(EMOTIONS, LIMITS.tolist(), strict=True))
#: Names of subreddits that mean something to SQL; some are like others if taken for patterns.
SUBREDDITS = ("AskReddit", "cats", "dogs", "100%", "1000", "a_b", "axb", "o'brien\\", "", None)


def settle(store: Store) -> Store:
    """Fill a store with comments of two models, some without a subreddit or a time, and bring its roll-ups up to date.

    They are of 2023-12-17 to 2024-02-26, and of Sundays and Mondays, so that there are few days to add up.
    """
    for seed, (model, count, days) in enumerate(((MODEL, 400, 70), ("other", 60, 5)), start=1):
        register_model(store, model, THRESHOLDS)
        dice = np.random.default_rng(seed)
        of = [
            replace(one, subreddit=_drawn(dice), created_at=_moved(one.created_at))
            for one in scattered(count, seed, days)
        ]
        stored(store, classified(of, unlike(len(of), seed), model=model))
    refresh(store)
    return store


def _drawn(dice: np.random.Generator) -> str | None:
    """Return a subreddit, the first ones more often."""
    return SUBREDDITS[int(len(SUBREDDITS) * dice.random() ** 1.5)]


def _moved(moment: datetime | None) -> datetime | None:
    """Return a moment on the last Sunday or Monday."""
    after = moment.isoweekday() % 7 if moment else 0
    return moment and moment - timedelta(days=after - after % 2)


def unlike(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Return probabilities of which some emotions have many that are high, and others few."""
    return np.round(matrix(count, seed) ** np.linspace(0.5, 6, len(EMOTIONS), dtype=np.float32), 3)


def add(
    store: Store, of: Sequence[Comment], probabilities: NDArray[np.float32] | None = None, **options: Any
) -> Sequence[Comment]:
    """Put comments of the model MODEL into a store, and bring the roll-ups up to date."""
    register_model(store, MODEL, THRESHOLDS)
    stored(store, classified(of, probabilities, model=MODEL, **options))
    refresh(store)
    return of


def ask(
    store: Store, question: Callable[Concatenate[Connection, Given], Found], *asked: Given.args, **named: Given.kwargs
) -> Found:
    """Ask a question of a store, in a transaction of its own."""
    with store.reading() as connection:
        return question(connection, *asked, **named)


def run_as_written(store: Store, query: str) -> list[tuple[Any, ...]]:
    """Run SQL as somebody would who copied it: nothing of it stands for a parameter."""
    with store.reading() as connection:
        address = address_of(connection)
        if address is not None and "from comment_emotion" in query.lower():
            with reading_lake(connection, address) as reader:
                return [tuple(row) for row in reader.run(query)]
        if store.is_sqlite:
            return [tuple(row) for row in connection.exec_driver_sql(query)]
        driver: Any = connection.connection.driver_connection
        return [tuple(row) for row in driver.execute(query)]


def rows_of(store: Store, wanted: Callable[[Row], bool] = lambda _: True, model: str = MODEL) -> list[Row]:
    """Return the rows of a model for which something holds."""
    return [row for row in rows(store) if row["model"] == model and wanted(row)]


def day(row: Row) -> date | None:
    """Return the day of a row, in UTC."""
    moment = row["created_at"]
    return None if moment is None else moment.date()


def begin(day: date, grain: str) -> date:
    """Return the first day of a period; weeks begin with Monday."""
    if grain == "week":
        return day - timedelta(days=day.isoweekday() - 1)
    return day if grain == "day" else date(day.year, day.month, 1)


def values(found: Sequence[Row]) -> NDArray[np.float32]:
    """Return the probabilities of rows, [n, 27]."""
    return np.array([[row[name] for name in EMOTIONS] for row in found], dtype=np.float32).reshape(-1, len(EMOTIONS))


def added_up(found: Sequence[Row]) -> Sums:
    """Return the sums of one group of rows."""
    of = values(found)
    exact = of.astype(np.float64)
    return Sums(
        comments=np.array([float(len(found))]),
        above=(of > LIMITS).sum(axis=0, dtype=np.float64)[None],
        total=exact.sum(axis=0)[None],
        square=(exact**2).sum(axis=0)[None],
    )


def spread(store: Store) -> Array:
    """Return how far the probabilities of all comments of the model MODEL lie apart. [27]"""
    found: Array = added_up(rows_of(store)).spread[0]
    return found


def estimated(found: Sequence[Row], overall: Array) -> tuple[Estimates, ...]:
    """Return both measures of rows, each [1, 27]."""
    sums = added_up(found)
    return tuple(sums.estimates(measure, overall) for measure in MEASURES)


def recounted(found: Sequence[Row], overall: Array, emotion: str) -> tuple[float, ...]:
    """Return what the columns `comments`, `found` and those of the measures are to hold of rows."""
    at = EMOTIONS.index(emotion)
    ends = (float(one[0, at]) for of in estimated(found, overall) for one in of)
    return (len(found), int((values(found)[:, at] > LIMITS[at]).sum()), *ends)


def numbers(finding: Finding) -> list[tuple[float, ...]]:
    """Return what those columns hold, row by row."""
    at = [finding.columns.index(name) for name in ("comments", "found", *ESTIMATES)]
    return [tuple(row[column] for column in at) for row in finding.rows]
