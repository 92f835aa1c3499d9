"""`moodmill worker`: a Celery worker."""

import click

from cli.options import broker_options, device_options, model_options, store_options
from db.errors import SettingError


@click.command(short_help="Classify chunks from the broker.")
@model_options
@device_options
@store_options
@broker_options
@click.option("--name", help="The worker's node name; needed when several run on one machine.")
def worker(name: str | None) -> None:
    """Classify chunks from the broker in REDIS_URL until told to stop (SIGTERM finishes what is in work).

    One process a GPU: start one for each, with --device cuda:0, cuda:1, … The plain `celery -A worker worker` does the
    same.
    """
    from worker.celery_app import app, settings, worker_arguments

    if settings.redis_url is None:
        raise SettingError("a worker needs a broker: set REDIS_URL, or use `moodmill label`, which brings its own")
    from worker.broker import check_broker

    check_broker()
    app.worker_main(worker_arguments(("--hostname", f"{name}@%h") if name else ()))
