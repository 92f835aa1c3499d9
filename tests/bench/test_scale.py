"""Millions of rows, measured: here some thousands."""

import pytest
from sqlalchemy import text

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.database.store import Store
from tests.bench import scale
from tests.bench.dashboards import panel_queries


def test_rows_go_in_whole_and_every_query_of_the_dashboards_is_timed(
    postgres_store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "ASKED", 2)
    scale.measure(postgres_store, 12_000, 60, texts=True)
    said = capsys.readouterr().out
    assert "12,000 rows of 60 days" in said
    assert "bytes a row" in said
    assert all(query.title in said for query in panel_queries())
    assert all(title in said for title in (*scale.VIEWS, *scale.SEARCHES))
    (run,) = run_ids(postgres_store)
    found = status(postgres_store, run)
    assert (found.succeeded, found.new_rows) == (True, 12_000)
    with postgres_store.reading() as connection:
        assert connection.scalar(text("select sum(comments) from emotion_by_day where emotion = 'joy'")) == 12_000
