"""A broker of the tests' own: the real server, emptied of moodmill's keys."""

from collections.abc import Iterator

import pytest
import redis

from moodmill.worker.queue.celery_app import app, use_broker
from tests.support import forget


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the server that this process sends to and workers take from."""
    before = app.conf.broker_url
    with redis.Redis.from_url(redis_url) as client:
        forget(client)
        use_broker(redis_url)
        yield client
    use_broker(before)
