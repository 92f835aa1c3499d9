"""A broker of the tests' own: the real server, emptied of moodmill's keys."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from moodmill.worker.queue.broker import Broker
from tests.support import forget


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    """A client of the server that this process sends to and workers take from."""
    with redis.Redis.from_url(redis_url) as client:
        forget(client)
        yield client


@pytest.fixture
def queue(broker: redis.Redis, redis_url: str) -> Iterator[Broker]:
    """The same server as producers and workers know it."""
    with closing(Broker(redis_url)) as queue:
        yield queue
