"""Jobs as a file describes them: read, refused, due."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from moodmill.db.core.errors import SettingError
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.schedule.job_runner import run_job
from moodmill.producers.schedule.jobs import find_job, read_jobs
from moodmill.producers.sources import ReadOptions

GOOD = """
[nightly]
cron = "15 3 * * *"
files = ["dumps", "/elsewhere/RC_*.zst"]
settled = 300
subreddits = ["AskReddit"]
not_authors = ["AutoModerator"]
honour_deletions = true
keep_text = true

[tables]
cron = "*/10  *  * * 1-5"
files = ["posts.csv"]
text_column = "message"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "jobs.toml"
    file.write_text(GOOD)
    return file


def test_a_file_describes_jobs_by_name(file: Path) -> None:
    jobs = read_jobs(file)
    assert list(jobs) == ["nightly", "tables"]
    assert jobs["nightly"].files == [str(file.parent / "dumps"), "/elsewhere/RC_*.zst"]
    assert jobs["nightly"].settled == 300


def test_a_job_says_how_its_files_are_read_and_the_settings_which_model(file: Path) -> None:
    jobs = read_jobs(file)
    base = RunOptions(chunk_comments=7, model_repo="some/model")
    nightly, tables = (jobs[name].options(base) for name in ("nightly", "tables"))
    assert (nightly.chunk_comments, nightly.model_repo, nightly.keep_text) == (7, "some/model", True)
    assert nightly.filters.subreddits == frozenset({"askreddit"})
    assert nightly.filters.authors is None
    assert nightly.filters.not_authors == {"automoderator"}
    assert nightly.filters.honour_deletions
    assert tables.reading.columns.text == "message"


def test_rows_of_a_table_are_read_as_the_parquet_file_they_are_kept_in(file: Path) -> None:
    file.write_text("[a]\ncron = '15 3 * * *'\ntable = 'posts'\nkey = 'n'\ntext_column = 'message'\nmin_length = 9\n")
    job = read_jobs(file)["a"]
    assert (job.files, job.table, job.key, job.columns.text) == (None, "posts", "n", "message")
    options = job.options(RunOptions())
    assert (options.reading, options.filters.min_length) == (ReadOptions(kind="parquet"), 9)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_names_are_spelled_as_people_do_and_stand_in_files_beside(file: Path, mark: bytes) -> None:
    file.write_bytes(
        mark
        + b"[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsubreddits = ['r/AskReddit', '/r/News, cats']\n"
        + b"authors_from = 'lists/people.csv'\nnot_authors = ['u/AutoModerator']\nnot_authors_from = 'bots'\n"
    )
    (file.parent / "lists").mkdir()
    (file.parent / "lists" / "people.csv").write_text("author,comments\r\nu/Ann,5\r\n")
    (file.parent / "bots").write_text("Bot\n")
    filters = read_jobs(file)["a"].options(RunOptions()).filters
    assert filters.subreddits == frozenset({"askreddit", "news", "cats"})
    assert filters.authors == frozenset({"ann"})
    assert filters.not_authors == {"automoderator", "bot"}


def test_a_file_of_names_is_read_when_its_job_runs_and_troubles_no_other(file: Path) -> None:
    file.write_text(f"{GOOD}\n[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsubreddits_from = 'names'\n")
    jobs = read_jobs(file)
    jobs["nightly"].options(RunOptions())
    with pytest.raises(SettingError, match="No such file"):
        jobs["a"].options(RunOptions())
    (file.parent / "names").write_text("cats\n")
    assert jobs["a"].options(RunOptions()).filters.subreddits == frozenset({"cats"})


def test_a_job_without_its_file_of_names_fails_before_it_labels(file: Path) -> None:
    file.write_text("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nnot_authors_from = 'bots'\n")
    store = Store(f"sqlite:///{file.parent}/moodmill.db")
    store.prepare()
    with pytest.raises(SettingError, match="bots: No such file"):
        run_job(store, "a", read_jobs(file)["a"], Runtime.from_settings(), lambda _: None)
    latest = JobLedger(store).latest("a")
    store.close()
    assert latest is not None
    assert (latest.state, "bots" in (latest.outcome or "")) == ("failed", True)


@pytest.mark.parametrize("written", ["2024-03-01", "2024-03-01T00:00:00", "2024-03-01T02:00:00+02:00", "'2024-03-01'"])
def test_a_job_may_be_of_a_time(file: Path, written: str) -> None:
    file.write_text(f"[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsince = {written}\nuntil = '2024-04-01T12:00Z'\n")
    filters = read_jobs(file)["a"].options(RunOptions()).filters
    assert (filters.since, filters.until) == (datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 4, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        (datetime(2024, 2, 28, 3, 14, 59, tzinfo=UTC), datetime(2024, 2, 28, 3, 15, tzinfo=UTC)),
        (datetime(2024, 2, 28, 3, 15, tzinfo=UTC), datetime(2024, 2, 29, 3, 15, tzinfo=UTC)),
    ],
)
def test_a_job_is_due_at_its_next_time_in_utc(file: Path, moment: datetime, due: datetime) -> None:
    assert read_jobs(file)["nightly"].due_after(moment) == due


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[a]\ncron = '15 3 * *'\nfiles = ['x']", "five fields"),
        ("[a]\ncron = '75 3 * * *'\nfiles = ['x']", "five fields"),
        ("[a]\nfiles = ['x']", "cron"),
        ("[a]\ncron = '15 3 * * *'", "either files or table, found neither"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\ntable = 'x'\nkey = 'id'", "either files or table, found both"),
        ("[a]\ncron = '15 3 * * *'\ntable = 'x'", "a table needs a key"),
        ("[a]\ncron = '15 3 * * *'\ntable = ''\nkey = 'id'", "table"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nkey = 'id'", "found files"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\ndatabase_url_env = 'X'", "found files"),
        ("[a]\ncron = '15 3 * * *'\ntable = 'x'\nkey = 'id'\nformat = 'csv'", "found table"),
        ("[a]\ncron = '15 3 * * *'\nfiles = []", "files"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsubredits = ['b']", "unknown key subredits: subreddits is meant"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nzzz = 1", "unknown key zzz, expected some of cron, files"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nwebhook = 'file:///etc/passwd'", "webhook"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsubreddits = ['']", "expected a name"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nnot_authors = ['@', ' ,']", "expected a name"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsubreddits_from = ''", "subreddits_from"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsince = 'monday'", "since: expected a month, day or time"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nuntil = 12:00:00", "until: expected a month, day or time"),
        ("[a]\ncron = '15 3 * * *'\nfiles = ['x']\nsince = 2024-03-02\nuntil = 2024-03-01", "since before until"),
        ("a = 1", "'a'"),
        ("[a", "no TOML"),
    ],
)
def test_a_job_that_cannot_be_is_refused_in_one_line(file: Path, written: str, said: str) -> None:
    file.write_text(written)
    with pytest.raises(SettingError) as refused:
        read_jobs(file)
    assert said in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="MOODMILL_JOBS"):
        read_jobs(tmp_path / "jobs.toml")


def test_a_job_of_another_name_is_refused_with_those_there_are(file: Path) -> None:
    with pytest.raises(SettingError, match="nightly, tables"):
        find_job(file, "weekly")
