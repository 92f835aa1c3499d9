"""How others see what a long command does."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def observed() -> Iterator[None]:
    """Log, show metrics and send traces as the settings say, as long as the context lasts. Raises SettingError."""
    from db.settings import read_settings
    from worker.exposition import exposed
    from worker.logs import logging_as
    from worker.settings import WorkerSettings
    from worker.tracing import traced

    settings = read_settings(WorkerSettings)
    with (
        logging_as(settings.moodmill_log),
        exposed(settings.moodmill_metrics),
        traced("moodmill-producer"),
    ):
        yield
