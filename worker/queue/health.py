"""Health checks: does a part of this machine live, as the broker knows it.

Each costs the start of a Python, and container engines ask again and again: no Celery is imported here.
"""

import socket
from typing import Final, Literal

from moodmill.db.core.errors import BrokerError
from moodmill.worker.core.address import KEY_PREFIX, LOCAL_REDIS, read_address
from moodmill.worker.core.sentinels import reason

#: Seconds that a heartbeat is good for: some beats of who gives it.
LIFE_S: Final = 15
#: Seconds that the broker gets to answer a check.
ANSWER_S: Final = 10

#: What sends heartbeats: a worker, once its model is loaded, and the schedule, each time that it looks what is due.
Part = Literal["worker", "beat"]


def check_alive(part: Part, redis_url: str | None) -> None:
    """Raise BrokerError unless such a part of this machine, or container, sent a heartbeat lately."""
    from redis import Redis
    from redis.exceptions import RedisError

    address, host = read_address(redis_url or LOCAL_REDIS), socket.gethostname()
    shown = address.shown
    connect = address.sentinels.client if address.sentinels else Redis.from_url
    try:
        with connect(
            address.client_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, client_name="moodmill"
        ) as client:
            is_alive = any(True for _ in client.scan_iter(f"{KEY_PREFIX}{part}:{host}:*"))
    except (RedisError, OSError) as error:
        raise BrokerError(f"cannot use the broker {shown}: {reason(error)}") from error
    if not is_alive:
        raise BrokerError(f"no {part} of {host} sent a heartbeat to the broker {shown} for {LIFE_S} s")
