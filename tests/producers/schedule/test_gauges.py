"""Metrics of store and broker: what they show, and that a server which is away or silent fails no scrape."""

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, update

from moodmill.db.database.schema import job_run
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.db.ledger.runs import LEASE
from moodmill.producers.schedule.gauges import OverviewCollector
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.schedule.status import StatusCollector
from moodmill.worker.queue.broker import Broker
from tests.support import away, free_port

NIGHTLY = Job(cron="15 3 * * *", files=["dumps"])


class Scraped:
    """What Prometheus would see, sample by sample."""

    def __init__(self, store: Store, redis_url: str, timeout_s: float = 5.0, **jobs: Job) -> None:
        self._registry = CollectorRegistry()
        collector = StatusCollector(store, jobs, broker=Broker(redis_url), with_runs=False, timeout_s=timeout_s)
        self._registry.register(OverviewCollector(collector))

    def value(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels)

    def up(self) -> tuple[float | None, float | None]:
        return self.value("moodmill_up", part="store"), self.value("moodmill_up", part="broker")


def test_a_store_that_is_away_is_no_error_and_seen_again_when_it_is_back(
    postgres_store: Store, postgres_url: str, own_redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen = Scraped(postgres_store, own_redis_url)
    assert seen.up() == (1, 1)
    with away(postgres_url) as open_again:
        assert seen.up() == (0, 1)
        assert seen.value("moodmill_pending_chunks") is None
        assert seen.value("moodmill_queue_chunks") == 0
        open_again()
    assert seen.up() == (1, 1)
    assert seen.value("moodmill_pending_chunks") == 0
    assert caplog.text.count("no metrics of the store: ") == 1
    assert caplog.text.count("the store is back") == 1


def test_a_broker_that_refuses_or_keeps_silent_costs_seconds_and_not_the_scrape(sqlite_store: Store) -> None:
    seen = Scraped(sqlite_store, f"redis://127.0.0.1:{free_port()}/0", timeout_s=0.5)
    assert seen.up() == (1, 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        seen = Scraped(sqlite_store, f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_s=0.5)
        begun = time.monotonic()
        assert seen.up() == (1, 0)
        assert time.monotonic() - begun < 5


def test_a_job_shows_when_it_began_and_succeeded_whether_it_failed_and_how_late_it_is(
    sqlite_store: Store, own_redis_url: str
) -> None:
    seen, now = Scraped(sqlite_store, own_redis_url, nightly=NIGHTLY), datetime.now(UTC)
    # given a job that never ran: it is not late before its first time
    assert seen.value("moodmill_job_overdue_seconds", job="nightly") == 0
    assert seen.value("moodmill_job_failed", job="nightly") is None
    # and one that succeeded three days ago, and failed since
    for days, state in ((3, "succeeded"), (1, "failed")):
        moment = now - timedelta(days=days)
        row = {"job": "nightly", "started_at": moment, "alive_at": moment, "ended_at": moment, "state": state}
        with sqlite_store.writing() as connection:
            connection.execute(insert(job_run).values(row))
    started = seen.value("moodmill_job_last_start_timestamp_seconds", job="nightly")
    succeeded = seen.value("moodmill_job_last_success_timestamp_seconds", job="nightly")
    assert started == pytest.approx((now - timedelta(days=1)).timestamp())
    assert succeeded == pytest.approx((now - timedelta(days=3)).timestamp())
    assert seen.value("moodmill_job_failed", job="nightly") == 1
    overdue = seen.value("moodmill_job_overdue_seconds", job="nightly")
    assert overdue is not None
    assert timedelta(days=2) <= timedelta(seconds=overdue) <= timedelta(days=3)
    # when it runs again, then what came of it last stays until it has ended, and it is late only if its process is gone
    ledger = JobLedger(sqlite_store)
    number = ledger.begin("nightly")
    assert number is not None
    assert seen.value("moodmill_job_failed", job="nightly") == 1
    assert seen.value("moodmill_job_overdue_seconds", job="nightly") == 0
    silent = update(job_run).where(job_run.c.id == number).values(alive_at=now - 2 * LEASE)
    with sqlite_store.writing() as connection:
        connection.execute(silent)
    assert seen.value("moodmill_job_overdue_seconds", job="nightly") == pytest.approx(overdue, abs=60)
    ledger.end(number, "succeeded", "nothing new")
    assert seen.value("moodmill_job_failed", job="nightly") == 0
    assert seen.value("moodmill_job_overdue_seconds", job="nightly") == 0
