"""The transport between Redis and Celery: only messages of ours come through. Others go into quarantine, counted.

kombu and Celery would take whatever lies in the queue: what is no JSON stops the worker, what is compressed is
decompressed before any task code runs and may fill the memory, and what is for an unknown task is dropped with its body
in the log. And what a worker that died had taken is read by whoever gives it back.
"""

import json
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from celery.app.amqp import AMQP
from kombu.connection import Connection, ConnectionPool, PooledConnection
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

from moodmill.worker.queue.connections import (
    WaitingConnection,
    WaitingMasterConnection,
    WaitingTLSConnection,
    WaitingTLSMasterConnection,
)
from moodmill.worker.queue.envelope import QUARANTINE, QUEUE, InvalidMessageError, accept
from moodmill.worker.telemetry import metrics

logger = logging.getLogger(__name__)

#: Messages in quarantine, of which the latest are kept.
QUARANTINED_KEPT: Final = 100


class Client(redis.PrefixedStrictRedis):
    """Takes messages out of Redis: what comes from a queue is as `accept` leaves it."""

    def __init__(self, *, quarantine: Callable[[bytes, str], None], **named: Any) -> None:
        super().__init__(**named)  # type: ignore[no-untyped-call]
        self._quarantine = quarantine

    def parse_response(self, connection: Any, command_name: str, **options: Any) -> Any:
        """Return the server's answer; as if nothing had come, where what came is no message of ours."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        queue, item = answer
        try:
            return queue, accept(item)
        except InvalidMessageError as error:
            self._quarantine(item, str(error))
            return None


class QoS(redis.QoS):
    """Gives messages back that were taken and not acknowledged.

    When one was taken is by the server's clock, which all share. kombu's own way is by the clock of whoever takes it,
    and one whose clock is ahead of that would give back what is in work elsewhere, again and again.
    """

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note that a message is taken, and when."""
        info = message.delivery_info
        taken = json.dumps([message._raw, info["exchange"], info["routing_key"]])
        with self.channel.conn_or_acquire() as client:
            pipe = client.pipeline().zadd(self.unacked_index_key, {delivery_tag: _clock_of(client)})
            pipe.hset(self.unacked_key, delivery_tag, taken).execute()
        virtual.QoS.append(self, message, delivery_tag)  # type: ignore[no-untyped-call]

    @property
    def visibility_timeout(self) -> float:
        """Seconds before now, by this machine's clock, at which those were taken that are given back."""
        with self.channel.conn_or_acquire() as client:
            return float(self.channel.visibility_timeout) + time.time() - _clock_of(client)

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into its queue, or into quarantine where it is none of ours."""
        try:
            super().restore_by_tag(tag, client, leftmost)  # type: ignore[no-untyped-call]
        except (RedisError, OSError):
            raise
        except Exception:  # noqa: BLE001 - it was not written by us, and its reading raises what it likes
            with self.channel.conn_or_acquire(client) as asked:
                item = asked.hget(self.unacked_key, tag)
                self.channel.quarantine(item or b"", "that was taken is none of ours")
                self._remove_from_indices(tag).execute()  # type: ignore[no-untyped-call]


class Channel(redis.Channel):
    """Takes messages out of Redis, and gives them back."""

    QoS = QoS
    connection_class: Any = WaitingConnection
    connection_class_ssl: Any = WaitingTLSConnection

    def quarantine(self, item: bytes, reason: str) -> None:
        """Keep an item that is no message of ours where people can look at it; the log says only why."""
        metrics.QUARANTINED.inc()
        try:
            with self.conn_or_acquire() as client:
                client.lpush(QUARANTINE, item)
                client.ltrim(f"{self.global_keyprefix}{QUARANTINE}", 0, QUARANTINED_KEPT - 1)
        except (RedisError, OSError) as error:
            logger.error("a message %s, and cannot be kept in quarantine: %s", reason, error)  # noqa: TRY400
        else:
            logger.warning(
                "a message %s: it is in quarantine, the list %s%s", reason, self.global_keyprefix, QUARANTINE
            )

    def _get_client(self) -> Any:
        super()._get_client()  # type: ignore[no-untyped-call] # which checks the client's version
        return partial(Client, global_keyprefix=self.global_keyprefix, quarantine=self.quarantine)

    def _do_restore_message(self, payload: Any, _exchange: Any, _key: Any, pipe: Any, leftmost: bool = False) -> None:
        # As it is, for it is looked at when it is taken again; kombu's own way drops what it cannot change.
        push = pipe.lpush if leftmost else pipe.rpush
        push(QUEUE, json.dumps(payload))


class SentinelChannel(Channel, redis.SentinelChannel):
    """Takes them out of the master that sentinels know."""

    connection_class: Any = WaitingMasterConnection
    connection_class_ssl: Any = WaitingTLSMasterConnection


class Transport(redis.Transport):
    """Hands messages on to Celery."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """Hands messages on that come from the master that sentinels know."""

    Channel = SentinelChannel


def _clock_of(client: Any) -> float:
    seconds, microseconds = client.time()
    return float(seconds + microseconds / 1e6)


class SafeConnection(Connection):
    """A connection to Redis by this transport. Whatever else in the process uses kombu keeps kombu's own."""

    def get_transport_cls(self) -> Any:
        """Return the class of the transport, also after a failover from one sentinel to another."""
        kind = self.transport_cls
        return _TRANSPORTS.get(kind) if kind in _TRANSPORTS else super().get_transport_cls()  # type: ignore[no-untyped-call]


class PooledSafeConnection(SafeConnection, PooledConnection):
    """One of a pool, which replaces it where it breaks."""


class SafePool(ConnectionPool):
    """A pool of such connections."""

    def new(self) -> PooledSafeConnection:
        """Return a connection that is not open yet."""
        return PooledSafeConnection(self, **dict(self.connection._info(resolve=False)))  # type: ignore[no-untyped-call]


#: By the scheme of a URL, as kombu keeps it.
_TRANSPORTS: Final = {"redis": Transport, "rediss": Transport, "sentinel": SentinelTransport}


class SafeAMQP(AMQP):  # type: ignore[misc]
    """Celery's messages, over such connections."""

    Connection = SafeConnection
