"""A lake has the rows that a table has, whatever comes in, in whatever order, and however much of it is merged."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moodmill.db.database.store import Store
from moodmill.db.lake.merging import merge
from moodmill.db.results.known import find_known
from tests.db.builders import Made, rows
from tests.db.lake.builders import any_chunk, files_of, lake_store


def comparable(found: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by their keys, without what differs by engine alone where the precision is one."""
    rows_found = {(row["model"], row["comment_id"], row["created_at"]): dict(row) for row in found}
    assert len(rows_found) == len(found)
    for row in rows_found.values():
        row["engine"] = row["engine"].split()[1]
    return rows_found


@pytest.mark.parametrize("seed", range(30))
def test_a_lake_has_the_rows_that_a_table_has(tmp_path: Path, seed: int) -> None:
    dice = np.random.default_rng(seed)
    with closing(Store(f"sqlite:///{tmp_path}/table.db")) as table, lake_store(tmp_path) as (store, lake):
        table.prepare()
        mine, theirs = Made(store), Made(table)
        for _ in range(int(dice.integers(2, 25))):
            of = any_chunk(dice)
            assert mine.store_chunk(mine.add(len(of.comments)).number, of)
            known = find_known(table, of.model, of.comments, of.ids, of.engine.precision if of.replaces else "auto")
            left = of.take([row for row in range(len(of.comments)) if row not in known])
            assert theirs.store_chunk(theirs.add(len(of.comments)).number, left, known=[*known.values()])
            if dice.random() < 0.2:
                merge(lake)
        expected = comparable(rows(table))
        assert comparable(rows(store)) == expected
        merge(lake)
        assert all(file.merged for file in files_of(lake))
        assert sum(file.rows for file in files_of(lake)) == len(expected)
        assert comparable(rows(store)) == expected
        merge(lake, whole=True)
        assert comparable(rows(store)) == expected
