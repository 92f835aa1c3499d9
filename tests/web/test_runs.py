"""What the page of the runs shows of a real store."""

from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, expect

from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.web.runs import look
from tests.db.builders import Made, letter
from tests.web.conftest import application_of, check_accessible, opened, served
from tests.web.stores import HOSTILE
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


def test_the_page_shows_what_goes_on_and_follows_it(tmp_path: Path, browser: Browser) -> None:
    url = f"sqlite:///{tmp_path}/moodmill.db"
    with closing(Store(url)) as store:
        store.prepare()
        made = Made(store, [HOSTILE[1]])
        made.add(3, skipped={"deleted": 2}, dead=[letter(5, error=HOSTILE[0])])
        jobs = JobLedger(store)
        number = jobs.begin(HOSTILE[2])
        assert number
        jobs.end(number, "failed", "2 files cannot be read")
        with served(application_of(url)) as address, opened(browser, 390) as page:
            page.goto(f"{address}/runs")
            for said in (*HOSTILE[:3], "2 files cannot be read", "1 chunk pending"):
                expect(page.get_by_text(said).first).to_be_attached()
            assert page.title() == "Runs - moodmill"
            assert page.locator("main img, main script, main svg").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
            check_accessible(page)
            made.add(4)
            expect(page.get_by_text("2 chunks pending")).to_be_visible()
