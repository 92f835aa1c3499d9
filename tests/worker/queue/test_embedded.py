"""The embedded server lives exactly as long as whoever uses it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from moodmill.db.core.errors import BrokerError
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.embedded import embedded_broker, starting_broker
from tests.support import clean_environment, wait_until

pytestmark = pytest.mark.process


def socket_of(url: str) -> Path:
    return Path(url.removeprefix("redis+socket://"))


def answers(socket: Path) -> bool:
    try:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def test_the_embedded_server_serves_as_long_as_its_context() -> None:
    with embedded_broker() as broker:
        url = broker.url
        queue = Broker(url)
        queue.check()
        assert queue.count_messages() == 0
        assert answers(socket_of(url))
    assert not answers(socket_of(url))
    assert not socket_of(url).parent.exists()


def test_a_worker_may_be_told_of_the_embedded_server_before_it_answers() -> None:
    with starting_broker() as broker:
        url = broker.url
        broker.await_ready()
        Broker(url).check()
    assert not answers(socket_of(url))


def test_only_this_user_reaches_the_embedded_server() -> None:
    with embedded_broker() as broker, redis.Redis(unix_socket_path=str(socket_of(broker.url))) as client:
        assert client.config_get("port") == {"port": "0"}
        assert socket_of(broker.url).parent.stat().st_mode & 0o077 == 0


def test_a_server_that_dies_is_noticed() -> None:
    with embedded_broker() as broker, redis.Redis(unix_socket_path=str(socket_of(broker.url))) as client:
        broker.check()
        os.kill(client.info("server")["process_id"], signal.SIGKILL)
        wait_until(lambda: broker.process.poll() is not None)
        with pytest.raises(BrokerError, match=r"^the embedded server has ended"):
            broker.check()


def test_the_embedded_server_ends_when_its_user_is_killed() -> None:
    program = (
        "import sys\nfrom moodmill.worker.queue.embedded import embedded_broker\n"
        "with embedded_broker() as broker:\n    print(broker.url, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout
        socket = socket_of(user.stdout.readline().strip())
        assert answers(socket)
        user.kill()
    wait_until(lambda: not answers(socket), 20)


def test_a_server_that_cannot_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    too_long_for_a_socket = tmp_path / ("folder" * 20)
    too_long_for_a_socket.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(too_long_for_a_socket))
    with (
        pytest.raises(BrokerError, match=r"the embedded server does not start: .*REDIS_URL") as refused,
        embedded_broker(),
    ):
        pass
    assert len(str(refused.value).splitlines()) == 1
