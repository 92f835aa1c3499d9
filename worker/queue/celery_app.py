"""The Celery application, for producers and workers alike. Imports no torch.

The ledger in SQL makes a run complete; the broker is the fast path. The settings follow from that, and from Celery's
threads pool: one process holds one model, and its task threads share it. A producer hands a chunk to whatever broker it
names (moodmill.worker.queue.broker); a worker and beat take the broker of their settings, by `configured_app`.
"""

from functools import cache
from typing import Any, Final

from celery import Celery
from celery.loaders.app import AppLoader
from celery.utils.nodenames import default_nodename, host_format
from kombu.entity import Queue

from moodmill.db.core.settings import read_settings
from moodmill.worker.core.address import KEY_PREFIX, LOCAL_REDIS, read_address
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.envelope import QUEUE
from moodmill.worker.queue.transport import SafeAMQP
from moodmill.worker.telemetry.logs import teach_celery

#: Seconds after which a chunk that a killed worker took is handed to another. Far above the time a chunk takes, or it
#: would be classified twice for nothing.
VISIBILITY_TIMEOUT_S: Final = 3600
#: Seconds without an answer after which a connection counts as broken.
SOCKET_TIMEOUT_S: Final = 30
#: What connections to the broker are made with, where its URL does not say otherwise.
CONNECTION: Final = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "max_retries": 0,  # whoever sends waits in a way of its own, and says so
    "global_keyprefix": KEY_PREFIX,
    "socket_timeout": SOCKET_TIMEOUT_S,
    "socket_connect_timeout": SOCKET_TIMEOUT_S,
    "socket_keepalive": True,
    "health_check_interval": 25,  # seconds; below SOCKET_TIMEOUT_S, so that a dead peer is noticed when idle too
}


class InstalledLoader(AppLoader):  # type: ignore[misc]
    """Imports what is installed; Celery's own loader prefers what lies in the working folder."""

    def import_from_cwd(self, module: str, imp: Any = None, package: str | None = None) -> Any:  # noqa: ARG002 - as Celery calls it
        return self.import_module(module, package=package)


app: Final = Celery("moodmill", include=["moodmill.worker.runtime.task"], loader=InstalledLoader, amqp=SafeAMQP)
app.conf.update(
    task_default_queue=QUEUE,
    task_queues=[Queue(QUEUE)],  # type: ignore[no-untyped-call]
    task_create_missing_queues=False,  # a misspelt queue is an error, not a place where chunks vanish
    # A chunk is acknowledged when its results are committed; a failure is in the ledger by then, which retries it.
    task_acks_late=True,
    task_acks_on_failure_or_timeout=True,
    task_reject_on_worker_lost=False,  # does nothing on threads
    worker_prefetch_multiplier=1,  # waiting chunks stay in Redis, off the visibility clock, and free for other workers
    task_ignore_result=True,  # results live in SQL
    task_serializer="json",
    accept_content=["json"],  # never pickle
    worker_pool="threads",
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_channel_error_retry=True,  # or a server that refuses, say for want of a right, leaves a process that hangs
    # On threads this would end the worker at any break of the connection.
    worker_cancel_long_running_tasks_on_connection_loss=False,
)


@cache
def configured_app() -> Celery:
    """Return the application as the settings have it: of a process that is Celery's own. Raises SettingError."""
    settings = read_settings(WorkerSettings)
    address = read_address(settings.redis_url or LOCAL_REDIS)
    teach_celery(settings.moodmill_log)
    app.conf.update(
        broker_url=address.url,
        broker_transport_options={**CONNECTION, **address.options},
        worker_concurrency=settings.moodmill_threads,
    )
    return app


def run_worker(app: Celery, name: str | None = None) -> int:
    """Run a worker until it is stopped, as `celery worker --hostname NAME` would; return its exit status.

    Celery's command line would bring a shell of its own, whose import takes a tenth of a second.
    """
    # Gossip, mingle and heartbeats are for workers that talk to each other: ours meet in the ledger only.
    quiet = dict.fromkeys(("without_gossip", "without_mingle", "without_heartbeat"), True)
    worker = app.Worker(hostname=host_format(default_nodename(name)), loglevel="INFO", **quiet)
    worker.start()
    return int(worker.exitcode or 0)
