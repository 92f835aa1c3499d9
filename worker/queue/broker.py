"""The broker: chunks go into it, and what it has is asked for; besides what Celery's workers do with it.

Celery, kombu and the client of Redis are imported when it is used: whoever starts a worker has it start meanwhile.
"""

import socket
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import BrokerError
from moodmill.worker.core.address import KEY_PREFIX, read_address
from moodmill.worker.core.sentinels import reason
from moodmill.worker.queue.envelope import QUARANTINE, QUEUE, TASK, read_name
from moodmill.worker.queue.health import LIFE_S, Part
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.telemetry.tracing import carried
from moodmill.worker.telemetry.work import WorkerReport, together

if TYPE_CHECKING:
    from kombu.connection import Connection
    from kombu.pools import ProducerPool

#: Messages read from the broker at once; each holds some 100 KB.
PAGE: Final = 16
#: Seconds for which it is known of a part that it ended well: as long as a store may be away meanwhile.
ENDED_S: Final = 7 * 86_400
#: Connections over which a process sends at once, at most.
SENDERS: Final = 4
#: Keys looked at in a step when workers are counted.
SCAN: Final = 1_000
#: What stands for the engine of a worker that does not say it, as older ones do not; and what these say.
UNKNOWN_ENGINE: Final = "unknown"
_OLDER_HEARTBEAT: Final = "1"
#: Where a worker is accounted for.
_ACCOUNTS: Final = ("worker:", "ended:worker:")


class QueueStatistics(NamedTuple):
    """What is in the broker, in numbers."""

    #: Chunks in the queue.
    queued: int
    #: Chunks that a worker took, and has not acknowledged.
    taken: int
    #: Workers whose last heartbeat is still good.
    workers: int
    #: Messages of somebody else's in quarantine, the latest of them.
    quarantined: int
    #: What these workers classify with, each once, in order.
    engines: tuple[str, ...] = ()
    #: Workers that measure their processor, as each does once.
    measuring: int = 0
    #: Tokens that all workers together classify in a second, lately.
    tokens_per_s: float = 0.0
    #: The mean share of the time in which their models worked: at 1 they are at their limit.
    model_share: float = 0.0


class QueueSnapshot(NamedTuple):
    """The chunks that the broker has, as (run, number)."""

    queued: set[tuple[str, int]]
    #: Taken by a worker, and not acknowledged: each with the tags of its messages.
    taken: dict[tuple[str, int], list[str]]


class _Headers(msgspec.Struct):
    argsrepr: str = ""


class _Envelope(msgspec.Struct):
    """A message as kombu keeps it in Redis, as far as it says which chunk it holds."""

    headers: _Headers


class Broker:
    """A server that speaks Redis's protocol: where chunks wait for workers, and where heartbeats are kept.

    Cheap to make; connects when it is used. Threads may share it. Each method raises BrokerError where the server does
    not answer, or does not take what it is given.
    """

    def __init__(self, redis_url: str) -> None:
        """Raises ValueError for a URL that names no server."""
        self._address: Final = read_address(redis_url)

    @property
    def shown(self) -> str:
        """The URL without its password."""
        return self._address.shown

    @cached_property
    def _producers(self) -> "ProducerPool":
        """What chunks are sent over. Celery's own pool stays with the broker that it meets first."""
        from kombu.pools import ProducerPool

        from moodmill.worker.queue.transport import SafePool

        connections = SafePool(self.connection(), SENDERS)  # type: ignore[no-untyped-call]
        return ProducerPool(connections, limit=SENDERS)  # type: ignore[no-untyped-call]

    def connection(self) -> "Connection":
        """Return a new connection of kombu's, which is not open yet."""
        from moodmill.worker.queue.celery_app import CONNECTION, app

        options = {**CONNECTION, **self._address.options}
        connection: Connection = app.connection_for_write(self._address.url, transport_options=options)
        return connection

    def load(self) -> None:
        """Import what it is used with."""
        import_module("moodmill.worker.queue.celery_app")

    def close(self) -> None:
        """Close the connections over which chunks were sent."""
        if "_producers" in self.__dict__:
            self._producers.force_close_all()  # type: ignore[no-untyped-call]
            self._producers.connections.force_close_all()

    def check(self) -> None:
        """Raise BrokerError unless the server answers, and keeps what it is given."""
        from redis.exceptions import ResponseError

        with self._client() as client:
            client.ping()
            try:
                policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
            except ResponseError:
                return  # a managed server that shows nobody its settings
        if policy != "noeviction":
            raise BrokerError(
                f"the server {self.shown} drops keys when full (maxmemory-policy {policy}), and chunks with them: "
                "set maxmemory-policy noeviction"
            )

    def send(self, message: ChunkMessage) -> None:
        """Hand a chunk to the workers."""
        from moodmill.worker.queue.celery_app import app

        try:
            with self._producers.acquire(block=True) as producer:  # type: ignore[no-untyped-call]
                # Celery would put the comments' texts into the header `argsrepr`, for logs: keep them out.
                shown = {"argsrepr": f"{message.run}/{message.number}", "kwargsrepr": ""}
                # Whoever sends tries again. kombu would keep to the channel that it has closed.
                app.send_task(
                    TASK, args=[message.to_json()], producer=producer, headers=carried(), retry=False, **shown
                )
        except _failures() as error:
            raise self._unreachable(error) from error

    def requeue(self, tags: Iterable[str] | None = None) -> None:
        """Put messages that workers took and did not acknowledge back into the queue: these, or all there are."""
        try:
            with self.connection() as connection:
                channel = connection.channel()
                for tag in channel.client.zrange("unacked_index", 0, -1) if tags is None else tags:
                    channel.qos.restore_by_tag(tag, leftmost=True)
        except _failures() as error:
            raise self._unreachable(error) from error

    def count_messages(self) -> int:
        """Return how many chunks lie in the broker: queued, or taken by a worker and not acknowledged yet."""
        with self._client() as client:
            return int(client.llen(QUEUE)) + int(client.hlen("unacked"))

    def statistics(self) -> QueueStatistics:
        """Count what is in the broker, in one connection."""
        with self._client() as client:
            engines = _engines(client)
            work = together(_reports(client))
            return QueueStatistics(
                queued=int(client.llen(QUEUE)),
                taken=int(client.hlen("unacked")),
                workers=len(engines),
                quarantined=int(client.llen(QUARANTINE)),
                engines=tuple(sorted(set(engines))),
                measuring=work.measuring,
                tokens_per_s=work.tokens_per_s,
                model_share=work.model_share,
            )

    def snapshot(self) -> QueueSnapshot:
        """Return which chunks lie in the broker. Reads all messages: for when nothing moves."""
        queued: set[tuple[str, int]] = set()
        taken: dict[tuple[str, int], list[str]] = defaultdict(list)
        with self._client() as client:
            # From the end where messages come in: one that moves meanwhile is met twice, and not missed.
            start = 0
            while page := client.lrange(f"{KEY_PREFIX}{QUEUE}", start, start + PAGE - 1):
                queued |= {chunk for item in page if (chunk := _chunk_of(item, _Envelope))}
                start += len(page)
            for tag, item in client.hscan_iter(f"{KEY_PREFIX}unacked", count=PAGE):
                if chunk := _chunk_of(item, tuple[_Envelope, str, str]):
                    taken[chunk].append(tag.decode(errors="replace"))
        return QueueSnapshot(queued=queued, taken=dict(taken))

    def send_heartbeat(self, name: str, part: Part = "worker", engine: Engine | None = None) -> None:
        """Note that a part, named HOST:…, lives, for LIFE_S; and what a worker classifies with."""
        with self._client() as client:
            client.set(f"{part}:{name}", UNKNOWN_ENGINE if engine is None else str(engine), ex=LIFE_S)

    def send_report(self, name: str, report: WorkerReport) -> None:
        """Say what a worker does, named HOST:PID; it is known for LIFE_S."""
        with self._client() as client:
            client.set(f"report:{name}", msgspec.json.encode(report), ex=LIFE_S)

    def reports(self) -> list[WorkerReport]:
        """Return what each worker last said of itself; nothing of those that say what this version does not read."""
        with self._client() as client:
            return _reports(client)

    def forget(self, name: str, part: Part = "worker") -> None:
        """Note that a part has ended, and well."""
        with self._client() as client:
            client.delete(f"{part}:{name}")  # first, for a server that is full does this alone
            if part == "worker":
                client.set(f"ended:{part}:{name}", 1, ex=ENDED_S)

    def forget_process(self, pid: int) -> None:
        """Note that a worker process of this machine, or container, is gone: it could not say so itself."""
        with self._client() as client:
            for key in client.scan_iter(f"{KEY_PREFIX}worker:{socket.gethostname()}:{pid}:*", count=SCAN):
                client.delete(key.decode().removeprefix(KEY_PREFIX))

    def alive(self, workers: Iterable[str]) -> set[str]:
        """Return those of the workers whose last heartbeat is still good."""
        with self._client() as client:
            return {worker for worker in workers if client.exists(f"{KEY_PREFIX}worker:{worker}")}

    def missing(self, workers: Sequence[str]) -> list[str]:
        """Return those of the workers that gave no heartbeat lately, and did not say that they end."""
        with self._client() as client:
            return [name for name in workers if not client.exists(*(f"{KEY_PREFIX}{at}{name}" for at in _ACCOUNTS))]

    def count_workers(self) -> int:
        """Return how many workers' last heartbeats are still good."""
        with self._client() as client:
            return len(_engines(client))

    def engines(self) -> set[str]:
        """Return what the workers classify with whose last heartbeats are still good."""
        with self._client() as client:
            return set(_engines(client))

    @contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            with self.connection() as connection:
                yield connection.channel().client  # default_channel would try again for some seconds
        except _failures() as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> BrokerError:
        return BrokerError(
            f"cannot use the broker {self.shown}: {reason(error)}; start a Redis server, or set REDIS_URL"
        )


def _failures() -> tuple[type[Exception], ...]:
    """Return what is raised where a server does not answer, or does not take what it is given."""
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    return OperationalError, RedisError, OSError


def _reports(client: Any) -> list[WorkerReport]:
    names = [*client.scan_iter(f"{KEY_PREFIX}report:*", count=SCAN)]
    said = client.mget(names) if names else []
    return [report for one in said if one is not None and (report := _report_of(one))]


def _report_of(said: bytes) -> WorkerReport | None:
    try:
        return msgspec.json.decode(said, type=WorkerReport)
    except (msgspec.MsgspecError, ValueError):
        return None


def _chunk_of(item: bytes, kind: Any) -> tuple[str, int] | None:
    try:
        found = msgspec.json.decode(item, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None  # not ours
    envelope = found if isinstance(found, _Envelope) else found[0]
    return read_name(envelope.headers.argsrepr)


def _engines(client: Any) -> list[str]:
    """Return the engine of each worker that lives."""
    # Keys of other programs are passed over, and there may be many.
    keys = client.scan_iter(f"{KEY_PREFIX}worker:*", count=SCAN)
    said = [one.decode(errors="replace") for key in keys if (one := client.get(key)) is not None]
    return [UNKNOWN_ENGINE if one == _OLDER_HEARTBEAT else one for one in said]
