"""Runs whose chunks get lost on the way: what waits for them sends them again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from db.errors import SourceError
from db.ledger import Ledger
from db.reads import status
from db.store import Store
from producers import run as run_module
from producers.options import RunOptions
from producers.run import Feeder, Progress, open_run
from tests.support import forget, write_dump
from worker.broker import waiting_messages
from worker.celery_app import app, use_broker
from worker.supervisor import local_worker


@pytest.fixture
def broker(own_redis_url: str) -> Iterator[str]:
    """A broker of this test's own, to which this process sends."""
    before = str(app.conf.broker_url)
    use_broker(own_redis_url)
    yield own_redis_url
    use_broker(before)


def lose_all(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        forget(client)


def test_lost_chunks_are_sent_again_and_more_of_them_than_may_be_in_flight(
    sqlite_store: Store,
    sqlite_url: str,
    broker: str,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given eight chunks that were sent, and lost by the broker
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 80)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    seen: list[Progress] = []
    Feeder(sqlite_store, run, in_flight=64, on_progress=seen.append).feed()
    assert waiting_messages() == 8
    lose_all(broker)

    # when a process that may be two chunks ahead resumes, and the broker forgets again what it has by then
    monkeypatch.setattr(run_module, "LOOK_S", 1.0)
    feeder = Feeder(sqlite_store, run, in_flight=2, on_progress=seen.append)
    settings = {"REDIS_URL": broker, "DATABASE_URL": sqlite_url, "HF_MODEL_REPO": str(tiny_model)}
    with local_worker(settings, patient=False):
        feeder.resend()
        lose_all(broker)
        feeder.wait()

    # then all of them are done
    found = status(sqlite_store, run)
    assert (found.classified, found.waiting, found.succeeded) == (80, 0, True)
    assert seen[-1].classified == 80
    assert seen[-1].share == 1.0


def test_a_source_that_changed_is_not_resumed(sqlite_store: Store, broker: str, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 20)
    run = open_run(sqlite_store, [dump], RunOptions(chunk_comments=10))
    Feeder(sqlite_store, run, in_flight=64, on_progress=lambda _: None).feed()
    write_dump(dump, ["another text"] * 20)
    with pytest.raises(SourceError, match="has changed since run"):
        Feeder(sqlite_store, run, in_flight=64, on_progress=lambda _: None).resend()
    assert Ledger(sqlite_store).waiting(run).comments == 20
