"""The schedule under a clock that jumps: a job runs once at each of its times, and none waits for a year."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import ColumnElement, func, select

from moodmill.db.database.schema import job_run
from moodmill.db.database.store import Store
from tests.clocks import clock_of, set_clock
from tests.end_to_end.test_schedule import serving
from tests.support import wait_until

JOBS = "".join(
    f'[{name}]\ncron = "{minute} 3 * * *"\nfiles = ["dumps"]\n' for name, minute in (("first", 15), ("next", 20))
)


@pytest.mark.long
def test_a_job_runs_once_at_each_of_its_times_whatever_the_clock_does(
    tmp_path: Path, sqlite_store: Store, own_redis_url: str
) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "jobs.toml").write_text(JOBS)
    night = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)

    broker = redis.Redis.from_url(own_redis_url)

    def looked() -> bool:
        return bool(broker.keys("moodmill:beat:*"))

    def go_to(hour: float, day: int = 0) -> None:
        """Set the clock, and wait until the schedule looked at it."""
        moment = night + timedelta(days=day, hours=hour)
        set_clock(tmp_path / "clock", (moment - datetime.now(UTC)).total_seconds())
        for _ in range(2):  # it may have looked just before
            broker.delete(*broker.keys("moodmill:beat:*"))
            wait_until(looked)

    def counted(*held: ColumnElement[bool]) -> tuple[int, int]:
        query = select(func.count().filter(job_run.c.job == "first"), func.count().filter(job_run.c.job == "next"))
        with sqlite_store.reading() as connection:
            first, following = connection.execute(query.where(*held)).one()
        return first, following

    def until_run(times: int) -> None:
        """Wait until both jobs have run so often: one that still runs is not begun again."""
        wait_until(lambda: min(counted(job_run.c.ended_at.is_not(None))) >= times)
        assert counted() == (times, times)

    set_clock(tmp_path / "clock", (night + timedelta(hours=3) - datetime.now(UTC)).total_seconds())
    settings = {"REDIS_URL": own_redis_url, "DATABASE_URL": sqlite_store.url.render_as_string(hide_password=False)}
    settings |= clock_of(tmp_path / "clock")
    with serving(tmp_path, settings):
        wait_until(looked)
        # forward over both times: once each
        go_to(4)
        until_run(1)
        # back over both, and forward again: not once more, but at those of the night after
        go_to(2)
        go_to(4)
        go_to(2, day=1)
        go_to(4, day=1)
        until_run(2)
        # a day back, then over the times of two nights: one of them was before
        go_to(4)
        go_to(4, day=2)
        until_run(3)
        # a year ahead, and set right
        go_to(4, day=365)
        until_run(4)
        go_to(5, day=2)
    with serving(tmp_path, settings):
        wait_until(looked)
        go_to(4, day=4)
        until_run(5)
