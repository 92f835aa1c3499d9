"""How others see what a long command does."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def observed() -> Iterator[None]:
    """Log, show metrics and send traces as the settings say, as long as the context lasts. Raises SettingError."""
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.telemetry.exposition import exposed
    from moodmill.worker.telemetry.logs import logging_as
    from moodmill.worker.telemetry.tracing import traced

    settings = read_settings(WorkerSettings)
    with (
        logging_as(settings.moodmill_log),
        exposed(settings.moodmill_metrics),
        traced("moodmill-producer"),
    ):
        yield
