"""The ledger of jobs: one job runs once at a time, and what was broken off is found."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from moodmill.db.analytics.backlog import backlog, runs_under_way
from moodmill.db.analytics.reads import status
from moodmill.db.database.schema import job_run, run
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import Owner
from moodmill.db.ledger.jobs import JobLedger
from moodmill.db.ledger.runs import LEASE
from tests.db.builders import ENGINE, NOON, Made, at_once, classified, comments, letter, stored


def silent(store: Store, number: int, since: timedelta) -> None:
    """Have the last heartbeat of a job be so long ago."""
    with store.writing() as connection:
        sign = update(job_run).where(job_run.c.id == number)
        connection.execute(sign.values(alive_at=datetime.now(UTC) - since))


def test_a_job_that_runs_is_not_begun_again_until_it_ends(store: Store) -> None:
    ledger = JobLedger(store)
    first = ledger.begin("a")
    assert first is not None
    assert ledger.begin("a") is None
    assert ledger.begin("b") is not None
    ledger.end(first, "succeeded", "nothing new")
    assert ledger.begin("a") is not None


def test_of_many_who_begin_a_job_at_once_one_does(store: Store) -> None:
    begun = at_once(*[lambda: JobLedger(store).begin("a")] * 8)
    assert sum(one is not None for one in begun) == 1


def test_a_job_whose_process_is_gone_counts_as_lost_after_a_while(store: Store) -> None:
    ledger = JobLedger(store)
    first = ledger.begin("a")
    assert first is not None
    silent(store, first, 2 * LEASE)
    ledger.live(first)
    assert ledger.begin("a") is None
    silent(store, first, LEASE * 0.5)
    assert ledger.begin("a") is None
    silent(store, first, 2 * LEASE)
    second = ledger.begin("a")
    assert second is not None
    ledger.end(second, "failed", "no space left")
    last = ledger.latest("a")
    assert last is not None
    assert (last.id, last.state, last.outcome, last.is_at_work) == (second, "failed", "no space left", False)


def test_a_job_whose_process_went_before_the_clock_went_back_counts_as_lost(store: Store) -> None:
    ledger = JobLedger(store)
    first = ledger.begin("a")
    assert first is not None
    silent(store, first, -timedelta(hours=1))
    last = ledger.latest("a")
    assert last is not None
    assert not last.is_at_work
    assert ledger.begin("a") is not None


def test_the_latest_time_of_a_job_is_the_one_begun_last_though_the_clock_went_back(store: Store) -> None:
    ledger = JobLedger(store)
    first = ledger.begin("a")
    assert first is not None
    ledger.end(first, "succeeded", "nothing new")
    with store.writing() as connection:
        connection.execute(update(job_run).values(started_at=datetime.now(UTC) + timedelta(hours=1)))
    second = ledger.begin("a")
    last = ledger.latest("a")
    assert last is not None
    assert (last.id, last.is_at_work) == (second, True)


def test_runs_of_a_job_keep_their_order_though_the_clock_goes_back(store: Store) -> None:
    ledger = JobLedger(store)
    first = Made(store, owner=Owner(job="a", watermark="1")).id
    with store.writing() as connection:
        connection.execute(update(run).values(created_at=datetime.now(UTC) + timedelta(hours=1)))
    second = Made(store, owner=Owner(job="a", watermark="2")).id
    assert (ledger.watermark("a"), ledger.unfinished("a")) == ("2", [first, second])
    ledger.give_up(first, "its file is gone")
    assert ledger.watermark("a") is None, "rows of a run that is given up are below no watermark"


def test_a_job_that_never_ran_has_no_latest(store: Store) -> None:
    assert JobLedger(store).latest("a") is None


def test_runs_that_were_broken_off_are_found_and_others_are_not(store: Store) -> None:
    mine = Owner(job="a")
    stored(store, classified(comments(range(3))), mine)
    reading, pending = Made(store, owner=mine), Made(store, owner=mine)
    Made(store, owner=Owner(job="b"))
    pending.add(2)
    pending.ledger.close_input(pending.id)
    assert set(JobLedger(store).unfinished("a")) == {reading.id, pending.id}


def test_the_files_of_a_job_are_known_by_their_fingerprints(store: Store) -> None:
    for job, names in {"a": ["x", "y"], "b": ["z"]}.items():
        Made(store, names, Owner(job=job))
    assert JobLedger(store).labelled("a", lambda _: True) == ({"f-x", "f-y"}, set())


def test_files_that_a_job_labelled_under_other_options_are_told_apart(store: Store) -> None:
    Made(store, ["x"], Owner(job="a"))
    assert JobLedger(store).labelled("a", lambda _: False) == (set(), {"f-x"})


def test_a_file_that_somebody_has_labelled_and_finished_is_known_to_jobs(store: Store) -> None:
    finished, begun = Made(store, ["x"]), Made(store, ["y"])
    for made in (finished, begun):
        made.ledger.end_source(made.id, 0)
    finished.ledger.close_input(finished.id)
    assert JobLedger(store).labelled("a", lambda _: True) == ({"f-x"}, set())


def test_an_archive_of_which_a_member_could_not_be_read_is_not_known(store: Store) -> None:
    made = Made(store, ["x:1", "x:2"], Owner(job="b"))
    made.ledger.end_source(made.id, 0)
    made.ledger.end_source(made.id, 1, "is no UTF-8")
    made.ledger.close_input(made.id)
    assert JobLedger(store).labelled("a", lambda _: True) == (set(), set())
    assert JobLedger(store).labelled_by_jobs(lambda _: True) == {}


def test_a_file_that_a_job_has_labelled_is_known_with_the_job(store: Store) -> None:
    ledger = JobLedger(store)
    for name, job in (("x", "a"), ("y", None)):
        made = Made(store, [name], Owner(job=job) if job else None)
        made.ledger.end_source(made.id, 0)
        made.ledger.close_input(made.id)
    assert ledger.labelled_by_jobs(lambda _: True) == {"f-x": "a"}
    assert ledger.labelled_by_jobs(lambda _: False) == {}


def test_the_watermark_of_a_job_is_that_of_its_latest_run(store: Store) -> None:
    ledger = JobLedger(store)
    assert ledger.watermark("a") is None
    for job, watermark in [("a", "1"), ("a", "2"), ("a", None), ("b", "3")]:
        Made(store, owner=Owner(job=job, watermark=watermark))
    assert ledger.watermark("a") == "2"


def test_a_run_that_is_given_up_takes_the_watermark_back_to_before_it(store: Store) -> None:
    ledger = JobLedger(store)
    runs = [Made(store, owner=Owner(job="a", watermark=str(n))).id for n in range(4)]
    other = Made(store, owner=Owner(job="b", watermark="other")).id
    ledger.give_up(runs[2], "its file is gone")
    assert ledger.watermark("a") == "1"
    assert set(ledger.unfinished("a")) == {runs[0], runs[1], runs[3]}
    ledger.give_up(runs[0], "its file is gone")
    assert ledger.watermark("a") is None
    assert (ledger.watermark("b"), ledger.unfinished("b")) == ("other", [other])


def test_a_run_that_is_given_up_waits_for_nobody_and_its_numbers_add_up(store: Store) -> None:
    # given a run whose chunks are done, pending, failed, and replayed, and that is still being read
    made = Made(store, owner=Owner(job="a"))
    first = made.add(2, skipped={"deleted": 1}, dead=[letter(3)])
    made.store_chunk(first.number, classified(comments(range(2))))
    made.add(3, skipped={"removed": 2}, dead=[letter(7)])
    made.ledger.fail(made.id, made.add(4).number, "no memory")
    made.replay([one.id for one in dead_letters(store, made.id)][:1])
    late = classified(comments(range(2, 5)))

    # when
    JobLedger(store).give_up(made.id, "its file is gone")

    # then
    found = status(store, made.id)
    assert (found.finished, found.adds_up, found.succeeded) == (True, True, False)
    assert (found.read, found.classified, found.skipped, found.dead) == (7, 2, {"deleted": 1, "removed": 2}, 2)
    assert found.source_errors == {"dump": "given up: its file is gone"}
    left = backlog(store)
    assert (left.pending_chunks, left.failed_chunks, left.dead_letters) == (0, 0, 2)
    assert runs_under_way(store, NOON) == []
    # and a message of it that comes late adds nothing
    assert made.ledger.begin(made.id, 1, "worker", ENGINE) is None
    assert made.store_chunk(1, late) is False


def test_of_what_ended_before_a_job_was_broken_off_the_next_outcome_tells(store: Store) -> None:
    ledger, mine = JobLedger(store), Owner(job="a")
    number = ledger.begin("a")
    assert number is not None
    told = stored(store, classified(comments(range(3))), mine).id
    ledger.end(number, "failed", "1 runs", [told])
    number = ledger.begin("a")
    assert number is not None
    ended = stored(store, classified(comments(range(3, 6))), mine).id
    unfinished = Made(store, owner=mine).id
    stored(store, classified(comments(range(6, 9))), Owner(job="b"))
    ledger.end(number, "stopped", "told to stop")
    assert (ledger.unreported("a"), ledger.unfinished("a")) == ([ended], [unfinished])
