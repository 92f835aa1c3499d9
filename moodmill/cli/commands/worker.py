"""`moodmill worker`: a Celery worker that is replaced when it dies."""

import signal
import sys
from contextlib import closing

import click

from moodmill.cli.extra import require_worker
from moodmill.cli.options import broker_options, device_options, model_options, store_options
from moodmill.cli.printing import OUTPUT
from moodmill.db.core.errors import SettingError


@click.command(short_help="Classify chunks from the broker.")
@model_options
@device_options
@store_options
@broker_options
@click.option("--name", help="The worker's node name; needed when several run on one machine.")
@click.option("--check", is_flag=True, help="Check that a worker of this machine lives; the exit status says so.")
def worker(name: str | None, check: bool) -> None:
    """Classify chunks from the broker in REDIS_URL until it is stopped (SIGTERM finishes what is in work).

    One process a GPU: start one for each, with --device cuda:0, cuda:1, … When the process dies, of a text that kills
    it or because a step in it hangs, another one starts. The plain `celery -A moodmill.worker worker` works too,
    without that.
    """
    if check:
        _check()
        return
    from moodmill.db.core.settings import StoreSettings, read_settings, to_environment
    from moodmill.db.database.store import Store
    from moodmill.db.ledger.ledger import count_done
    from moodmill.worker.core.device import check_device
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.broker import Broker
    from moodmill.worker.runtime.supervisor import Supervisor
    from moodmill.worker.telemetry.logs import logging_as

    settings, stored = read_settings(WorkerSettings), read_settings(StoreSettings)
    if settings.redis_url is None:
        raise SettingError("a worker needs a broker: set REDIS_URL, or use `moodmill label`, which brings its own")
    require_worker()
    check_device(settings.moodmill_device)
    broker = Broker(settings.redis_url)
    broker.check()
    store = Store(stored.database_url, settings.moodmill_stall_seconds)
    supervisor = Supervisor(
        to_environment(settings, stored),
        broker,
        name=f"{name}@%h" if name else None,
        count_done=lambda: count_done(store),
    )
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda given, _frame: supervisor.signal(given))
    with logging_as(settings.moodmill_log):
        sys.exit(supervisor.wait())


def _check() -> None:
    """Raise unless a worker of this machine has its model loaded and lives, and the store is there for its chunks."""
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.db.database.store import Store
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.queue.health import check_alive

    check_alive("worker", read_settings(WorkerSettings).redis_url)
    with closing(Store(read_settings(StoreSettings).database_url)) as store:
        store.require()
        with store.reading():  # its schema was right when the worker began
            pass
    OUTPUT.print("alive")
