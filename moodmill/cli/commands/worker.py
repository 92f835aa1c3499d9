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
@click.option(
    "--devices",
    metavar="all|DEVICE,…",
    help="A process for each, watched alike: all GPUs, or without any all sockets; or as cuda:0,cuda:1.",
)
@click.option("--name", help="The worker's node name; needed when several are started on one machine.")
@click.option("--check", is_flag=True, help="Check that a worker of this machine lives; the exit status says so.")
def worker(devices: str | None, name: str | None, check: bool) -> None:
    """Classify chunks from the broker in REDIS_URL until it is stopped (SIGTERM finishes what is in work).

    One process a GPU: with --devices all there is one for each; without GPUs, one for each socket, or part of one, that
    has memory of its own. `all` with --device cuda insists on GPUs, with --device cpu takes none. Metrics of the first
    process are at MOODMILL_METRICS, those of each further one at the next port. When a process dies, of a text that
    kills it or because a step in it hangs, another one starts. The plain `celery -A moodmill.worker worker` works too,
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
    from moodmill.worker.runtime.fleet import Fleet
    from moodmill.worker.runtime.places import Place, find_places, metrics_address, names_of
    from moodmill.worker.runtime.supervisor import Supervisor
    from moodmill.worker.telemetry.logs import logging_as

    settings, stored = read_settings(WorkerSettings), read_settings(StoreSettings)
    if settings.redis_url is None:
        raise SettingError("a worker needs a broker: set REDIS_URL, or use `moodmill label`, which brings its own")
    require_worker()
    device = settings.moodmill_device
    check_device(device)
    places = [Place(device=device)] if devices is None else find_places(devices, device)
    addresses = [metrics_address(settings.moodmill_metrics, number) for number in range(len(places))]
    broker = Broker(settings.redis_url)
    broker.check()
    store = Store(stored.database_url, settings.moodmill_stall_seconds)
    nodes = [name] if len(places) == 1 else [f"{name or 'worker'}-{number}" for number in range(len(places))]
    called = ["the worker"] if len(places) == 1 else [f"the worker on {one}" for one in names_of(places)]
    fleet = Fleet()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, lambda given, _frame: fleet.signal(given))
    with logging_as(settings.moodmill_log):
        supervisors = [
            Supervisor(
                to_environment(
                    settings.model_copy(update={"moodmill_device": place.device, "moodmill_metrics": address}), stored
                ),
                broker,
                node=f"{node}@%h" if node else None,
                name=known_as,
                cores=place.cores,
                count_done=lambda: count_done(store),
            )
            for place, address, node, known_as in zip(places, addresses, nodes, called, strict=True)
        ]
        sys.exit(fleet.wait(supervisors))


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
