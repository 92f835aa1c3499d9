"""How others see what a long command does."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def observed() -> Iterator[None]:
    """Show the metrics of this process as long as the context lasts, where the settings say. Raises SettingError."""
    from db.settings import read_settings
    from worker.exposition import exposed
    from worker.settings import WorkerSettings

    with exposed(read_settings(WorkerSettings).moodmill_metrics):
        yield
