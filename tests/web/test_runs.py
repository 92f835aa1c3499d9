"""What the page of the runs shows of a real store."""

from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.web.runs import look
from tests.db.builders import Made, letter
from tests.worker.builders import open_run


def test_the_last_runs_are_those_of_the_store_the_newest_first(store: Store) -> None:
    open_run(store, ["one", "two"])
    open_run(store, ["three"])
    seen = look(store)
    assert [(run["state"], run["waiting"]) for run in seen["runs"]] == [("reading", 1), ("reading", 2)]
    assert [run["pending_chunks"] for run in seen["under_way"]] == [1, 1]
    assert (seen["count"], seen["left"]["pending_chunks"]) == (2, 2)


def test_dead_letters_and_jobs_are_those_of_the_store(store: Store) -> None:
    made = Made(store)
    made.add(1, dead=[letter(5, error="no text in it")])
    jobs = JobLedger(store)
    for outcome in ("nothing new", "3 files"):
        number = jobs.begin("nightly")
        assert number
        jobs.end(number, "succeeded", outcome)
    seen = look(store)
    assert [(one["run"], one["error"]) for one in seen["dead"]] == [(made.id, "no text in it")]
    assert [(job["job"], job["outcome"]) for job in seen["jobs"]] == [("nightly", "3 files")]
