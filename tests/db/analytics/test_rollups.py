"""The roll-ups: what they hold is what numpy adds up of the rows, whatever came before."""

import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from sqlalchemy import Table, select, text

from moodmill.db.analytics.rollups import invalidate_all, refresh, stale
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.schema import (
    comment_emotion,
    rollup_day,
    rollup_emotion_pair_day,
    rollup_subreddit_day,
    rollup_subreddit_month,
)
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import lake_of
from moodmill.db.results.models import activate_model, register_model
from moodmill.db.results.writer import write_rows
from tests.db.builders import (
    NOON,
    add_rows,
    at_once,
    classified,
    comments,
    delete_rows,
    matrix,
    rows,
    scattered,
    stored,
)
from tests.support import clean_environment

THRESHOLDS = {
    "m": {name: 0.2 + 0.02 * number for number, name in enumerate(EMOTIONS)},
    "other": dict.fromkeys(EMOTIONS, 0.5),
}
KEYS: dict[Table, Callable[[dict[str, Any]], Any]] = {
    rollup_subreddit_day: lambda row: (row["model"], day(row), row["subreddit"]),
    rollup_day: lambda row: (row["model"], day(row)),
    rollup_subreddit_month: lambda row: (row["model"], day(row) and day(row).replace(day=1), row["subreddit"]),
}
#: Refreshes a store, and dies by SIGKILL at the nth statement that it runs for that.
DIE_IN_REFRESH = """
import os, signal, sys
from sqlalchemy import event
from moodmill.db.analytics.rollups import refresh
from moodmill.db.database.store import Store
store, left = Store(sys.argv[1]), [int(sys.argv[2])]
@event.listens_for(store.engine, "after_cursor_execute")
def count(*_):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
refresh(store)
"""
#: Columns that rows did not always have.
ADDED = ("text_hash", "segments", "unsupported")


@pytest.fixture
def labelled(store: Store) -> Store:
    """A store that knows the thresholds of two models."""
    for model, thresholds in THRESHOLDS.items():
        register_model(store, model, thresholds)
    return store


def day(row: Mapping[str, Any]) -> Any:
    return row["created_at"] and row["created_at"].date()


def add(store: Store, of: list[Comment], model: str = "m", seed: int = 0) -> None:
    stored(store, classified(of, matrix(len(of), seed), model=model))


def everything(store: Store, table: Table) -> list[dict[str, Any]]:
    return rows(store, table)


def older_rows(store: Store) -> list[tuple[Any, ...]]:
    """Return the result rows as they were before columns were added to them."""
    kept = [column for column in comment_emotion.c if column.name not in ADDED]
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*kept).order_by(comment_emotion.c.comment_id))]


def recounted(store: Store, table: Table) -> dict[Any, NDArray[np.float64]]:
    """Return what a roll-up is to hold by its key: comments, sums, counts, squares, added up of the rows by numpy."""
    found: dict[Any, NDArray[np.float64]] = defaultdict(lambda: np.zeros(1 + 3 * len(EMOTIONS)))
    for row in everything(store, comment_emotion):
        limits = np.array([THRESHOLDS[row["model"]][name] for name in EMOTIONS], dtype=np.float32)
        values = np.array([row[name] for name in EMOTIONS], dtype=np.float32)
        found[KEYS[table](row)] += [1, *(exact := values.astype(np.float64)), *(values > limits), *exact**2]
    return found


def recounted_pairs(store: Store) -> Counter[Any]:
    """Return how many comments a model and day have with both of two emotions, or any of a group, by the rows."""
    found = Counter[Any]()
    for row in everything(store, comment_emotion):
        limits = {name: np.float32(limit) for name, limit in THRESHOLDS[row["model"]].items()}
        above = [name for name in EMOTIONS if np.float32(row[name]) > limits[name]]
        names = {(one, other) for at, one in enumerate(above) for other in above[at:]}
        names |= {(GROUP_OF[name], GROUP_OF[name]) for name in above} | {("all", "all")}
        names |= set() if above else {("none", "none")}
        found.update((row["model"], day(row), *pair) for pair in names)
    return found


def assert_exact(store: Store) -> None:
    assert stale(store) == []
    for table in KEYS:
        wanted, rows = recounted(store, table), everything(store, table)
        key = [column.name for column in table.c if column.name in ("model", "day", "month", "subreddit")]
        found = {tuple(row[name] for name in key): [row[name] for name in row if name not in key] for row in rows}
        assert len(rows) == len(found)
        assert found.keys() == wanted.keys()
        for one, values in found.items():
            assert values[0] == wanted[one][0]
            assert values[1:28] == pytest.approx(wanted[one][1:28], rel=1e-12)  # no two orders of addition round alike
            assert values[28:55] == wanted[one][28:55].tolist()
            assert values[55:] == pytest.approx(wanted[one][55:], rel=1e-12)
    pairs = everything(store, rollup_emotion_pair_day)
    counted = {(row["model"], row["day"], row["emotion"], row["other"]): row["comments"] for row in pairs}
    assert len(counted) == len(pairs)
    assert {key: comments for key, comments in counted.items() if comments} == recounted_pairs(store)


def test_the_roll_ups_are_what_the_rows_add_up_to(labelled: Store) -> None:
    add(labelled, scattered(300, seed=1), "m")
    add(labelled, scattered(200, seed=2), "other", seed=1)
    assert refresh(labelled) > 0
    assert_exact(labelled)


def test_repeated_and_late_comments_are_counted_once_and_where_they_belong(labelled: Store) -> None:
    first = scattered(200, seed=1)
    add(labelled, first)
    refresh(labelled)
    add(labelled, first[50:150], seed=5)
    add(labelled, scattered(20, seed=3, days=3))
    add(labelled, first[:100], "other", seed=6)
    refresh(labelled)
    assert_exact(labelled)


def test_only_periods_that_changed_are_added_up(labelled: Store) -> None:
    add(labelled, scattered(200, seed=1))
    refresh(labelled)
    heard: list[str] = []
    late = [replace(one, created_at=NOON) for one in comments([900_000])]
    add(labelled, late)
    assert refresh(labelled, lambda period: heard.append(str(period))) == 2
    assert heard == [f"{NOON:%Y-%m-%d}", f"{NOON:%Y-%m}"]
    add(labelled, late)
    assert refresh(labelled) == (0 if lake_of(labelled) is None else 2)  # which looks nothing up, and adds up anew
    assert_exact(labelled)


def test_a_day_begins_at_midnight_in_utc(labelled: Store) -> None:
    midnight = datetime(2024, 2, 1, tzinfo=UTC)
    moments = [midnight - timedelta(microseconds=1), midnight, midnight + timedelta(days=1)]
    add(labelled, [replace(one, created_at=at) for one, at in zip(comments(range(3)), moments, strict=True)])
    refresh(labelled)
    assert_exact(labelled)
    days = [row["day"] for row in everything(labelled, rollup_day)]
    assert sorted(days) == [date(2024, 1, 31), date(2024, 2, 1), date(2024, 2, 2)]


def test_a_comment_of_the_last_day_that_there_is_hinders_nothing(labelled: Store) -> None:
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    moments = [last, last - timedelta(days=3), NOON]
    add(labelled, [replace(one, created_at=at) for one, at in zip(comments(range(3)), moments, strict=True)])
    refresh(labelled)
    assert_exact(labelled)


def test_rows_that_are_gone_are_gone_from_the_roll_ups_of_a_marked_day(labelled: Store) -> None:
    add(labelled, comments(range(10)))
    refresh(labelled)
    delete_rows(labelled)
    with labelled.writing() as connection:
        invalidate_days(connection, "m", [NOON])
    refresh(labelled)
    assert_exact(labelled)
    assert everything(labelled, rollup_subreddit_month) == []


def test_rows_that_came_and_went_without_a_mark_are_added_up_when_all_is(labelled: Store) -> None:
    add(labelled, comments(range(3)))
    refresh(labelled)
    delete_rows(labelled)
    add_rows(labelled, classified(scattered(20, seed=1)))
    invalidate_all(labelled)
    refresh(labelled)
    assert_exact(labelled)


@pytest.mark.parametrize("statement", [2, 5, 6, 7, 8, 9, 12, 13])
def test_a_kill_in_the_middle_leaves_nothing_that_the_next_refresh_does_not_mend(
    labelled: Store, statement: int
) -> None:
    add(labelled, comments(range(20)))
    refresh(labelled)
    add(labelled, scattered(40, seed=1, days=2))
    url = labelled.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", DIE_IN_REFRESH, url, str(statement)]
    assert subprocess.run(command, env=clean_environment(), timeout=60).returncode == -signal.SIGKILL
    assert stale(labelled) != []
    refresh(labelled)
    assert_exact(labelled)


def test_rows_that_are_committed_during_a_refresh_are_left_to_the_next(postgres_store: Store) -> None:
    store = postgres_store
    register_model(store, "m", THRESHOLDS["m"])
    add(store, comments(range(5)))
    with store.writing() as connection:
        late = comments(range(5, 9))
        write_rows(connection, classified(late))
        invalidate_days(connection, "m", [one.created_at for one in late])
        refresh(store)  # sees neither the rows nor their mark
        assert everything(store, rollup_day)[0]["comments"] == 5
    assert stale(store) != []
    refresh(store)
    assert_exact(store)


def test_workers_add_rows_while_several_processes_refresh(labelled: Store) -> None:
    def work(seed: int) -> None:
        for part in range(5):
            add(labelled, scattered(20, seed=10 * seed + part, days=3))

    def refreshing() -> None:
        for _ in range(5):
            refresh(labelled)

    at_once(lambda: work(1), refreshing, lambda: work(2), refreshing)
    refresh(labelled)
    assert_exact(labelled)


def test_views_give_a_row_a_period_and_emotion_of_the_model_that_is_shown(labelled: Store) -> None:
    add(labelled, scattered(50, seed=1))
    add(labelled, scattered(90, seed=2), "other")
    refresh(labelled)
    activate_model(labelled, "other")
    for view, table in {
        "emotion_by_day": rollup_day,
        "emotion_by_subreddit_day": rollup_subreddit_day,
        "emotion_by_subreddit_month": rollup_subreddit_month,
    }.items():
        with labelled.reading() as connection:
            found = connection.execute(text(f"select * from {view}")).all()
        wanted = [row for row in everything(labelled, table) if row["model"] == "other"]
        assert len(found) == len(EMOTIONS) * len(wanted)
        assert sum(row.above for row in found) == sum(row[f"above_{name}"] for row in wanted for name in EMOTIONS)
        means = [row[f"sum_{name}"] / row["comments"] for row in wanted for name in EMOTIONS]
        assert sorted(row.mean for row in found) == pytest.approx(sorted(means))
