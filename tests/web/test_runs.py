"""The first page lists the runs of a real store, the newest first."""

import pytest

from moodmill.db.core.errors import StoreError
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import Store
from moodmill.web.runs import last_runs
from tests.worker.builders import open_run


def test_the_last_runs_are_those_of_the_store(store: Store) -> None:
    open_run(store, ["one", "two"])
    open_run(store, ["three"])
    runs = last_runs(StoreSettings(database_url=store.url.render_as_string(hide_password=False)))
    assert [(run["state"], run["waiting"]) for run in runs] == [("reading", 1), ("reading", 2)]


def test_a_store_that_is_not_there_is_an_error() -> None:
    with pytest.raises(StoreError, match="no store at"):
        last_runs(StoreSettings(database_url="sqlite:///nowhere.db"))
