"""Stores of older versions, brought to this one: nothing that they hold is lost, and what is new is there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import pytest
from sqlalchemy import delete, insert, select, text

from moodmill.db.analytics.rollups import refresh, stale
from moodmill.db.analytics.scope import Scope
from moodmill.db.analytics.sums import as_sums, overall_spread, summed
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import StoreError
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.schema import comment_emotion, frozen_day, rollup_day, rollup_emotion_pair_day, run
from moodmill.db.database.store import Store
from tests.db.builders import add_older_rows, classified, comments, matrix, rows, stored

NEW = [column.name for column in rollup_day.c if column.name.startswith("square_")]


@pytest.fixture
def of_0100(database_url: str) -> Iterator[Store]:
    """A store as 0.1.0 made it: comments of a day, their sums, and the sums of a month whose comments are gone."""
    store = Store(database_url)
    store.upgrade("0100")
    older = [column for column in rollup_day.c if column.name not in NEW]
    with store.writing() as connection:
        connection.execute(text("insert into model (name, active) values ('m', true)"))
        for name in EMOTIONS:
            limit = {"model": "m", "emotion": name, "emotion_group": "x", "threshold": 0.5}
            connection.execute(
                text("insert into model_threshold values (:model, :emotion, :emotion_group, :threshold)"), limit
            )
    add_older_rows(store, classified(comments(range(40)), matrix(40)))
    with store.writing() as connection:
        for day, n in ((date(2024, 3, 1), 40), (date(2020, 1, 1), 100)):
            sums = {f"sum_{name}": n / 2 for name in EMOTIONS} | {f"above_{name}": n // 2 for name in EMOTIONS}
            row = {"model": "m", "day": day, "comments": n} | sums
            connection.execute(insert(rollup_day).values({column.name: row[column.name] for column in older}))
        connection.execute(insert(frozen_day).values(model="m", day=date(2020, 1, 1)))
    yield store
    store.close()


def test_a_store_of_0_1_0_is_refused_with_the_command_that_upgrades_it(of_0100: Store) -> None:
    with pytest.raises(StoreError, match="has schema 0100, expected 0103: run `moodmill db upgrade`"):
        of_0100.prepare()


def test_an_upgraded_store_keeps_its_sums_and_adds_up_what_it_can(of_0100: Store) -> None:
    of_0100.upgrade()
    of_0100.prepare()
    assert [str(one) for one in stale(of_0100)] == ["2024-03-01"]
    assert refresh(of_0100) == 2
    [gone, there] = rows(of_0100, rollup_day)
    assert gone["day"] == date(2020, 1, 1)
    # the most that it can be: so that intervals are too wide rather than too narrow
    assert [gone[name] for name in NEW] == [50.0] * len(NEW)
    squares = (matrix(40).astype(np.float64) ** 2).sum(axis=0)
    assert [there[name] for name in NEW] == pytest.approx(squares)
    pairs = rows(of_0100, rollup_emotion_pair_day)
    assert [row["comments"] for row in pairs if row["emotion"] == "all"] == [40]
    with of_0100.reading() as connection:
        scope = Scope(model="m", until=date(2021, 1, 1))
        sums = as_sums([connection.execute(select(*summed(rollup_day)).where(scope.sums(rollup_day))).one()])
        assert sums.spread.tolist() == [[1.0] * len(EMOTIONS)]
        assert (overall_spread(connection, "m") < 1).all()


def test_rows_and_runs_of_an_upgraded_store_have_no_engine_and_those_that_come_have(of_0100: Store) -> None:
    of_0100.upgrade()
    made = stored(of_0100, classified(comments([100]), engine=Engine("openvino", "int8")))
    found = {row["comment_id"]: row["engine"] for row in rows(of_0100)}
    assert found == {**{f"c{n}": None for n in range(40)}, "c100": "openvino int8"}
    assert [row["engine"] for row in rows(of_0100, run)] == [None]
    assert made.ledger.run(made.id).id == made.id


def test_comments_that_come_late_into_an_upgraded_store_are_added_up(of_0100: Store) -> None:
    of_0100.upgrade()
    refresh(of_0100)
    with of_0100.writing() as connection:
        connection.execute(delete(comment_emotion))
        invalidate_days(connection, "m", [datetime(2024, 3, 1, tzinfo=UTC)])
    refresh(of_0100)
    assert [row["day"] for row in rows(of_0100, rollup_day)] == [date(2020, 1, 1)]
    assert rows(of_0100, rollup_emotion_pair_day) == []
