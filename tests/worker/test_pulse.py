"""A worker's sign of life is there as long as it lives."""

import pytest
import redis

from tests.support import wait_until
from worker import pulse
from worker.broker import LIFE_S, alive
from worker.celery_app import use_broker
from worker.pulse import BEAT_S, Pulse


def test_a_worker_is_alive_within_its_pulse_and_not_after(broker: redis.Redis) -> None:
    with Pulse("a"):
        wait_until(lambda: alive(["a", "b"]) == {"a"})
        assert 0 < broker.ttl("moodmill:worker:a") <= LIFE_S
        assert LIFE_S > 2 * BEAT_S
    assert alive(["a"]) == set()


def test_a_broker_that_is_away_for_a_while_hears_of_it_later(
    broker: redis.Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "BEAT_S", 0.1)
    use_broker("redis://127.0.0.1:1/0")
    with Pulse("a"):
        use_broker(redis_url)
        wait_until(lambda: alive(["a"]) == {"a"})
