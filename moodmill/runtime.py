"""Where runs of the Python API are worked on: with which settings and store, and who sees their progress."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console

from moodmill.db.core.errors import SettingError
from moodmill.db.database.store import Store as Database
from moodmill.db.lake.lake import prepare_store
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.runs.waiter import OnProgress, Progress
from moodmill.progress import shown_progress
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.message import MAX_COMMENTS

if TYPE_CHECKING:
    from moodmill.store import Store


def runtime_of(worker: WorkerSettings, chunk_comments: int | None = None) -> Runtime:
    """Return where runs with these settings are worked on. Raises SettingError."""
    producer = ProducerSettings.model_construct()
    if chunk_comments is not None:
        if not 1 <= chunk_comments <= MAX_COMMENTS:
            raise SettingError(f"chunk_comments is {chunk_comments}: expected 1 to {MAX_COMMENTS:,}")
        producer = producer.model_copy(update={"moodmill_chunk_comments": chunk_comments})
    return Runtime(worker=worker, producer=producer)


def share_of(max_dead: float | None) -> float | None:
    """Return the share of a source's records that may be dead. Raises SettingError for what is none."""
    if max_dead is not None and not 0 <= max_dead <= 1:
        raise SettingError(f"max_dead is {max_dead}: expected a share from 0 to 1")
    return max_dead


@contextmanager
def opened_database(store: "Store", runtime: Runtime) -> Iterator[Database]:
    """Open a store to label into; it is made where it is not there."""
    # Before there is a run that one may want to interrupt: numpy, interrupted as it is imported, cannot be imported
    # again by this process, which may be a notebook's.
    import moodmill.db.analytics.rollups
    import moodmill.producers.runs.opening
    import moodmill.producers.runs.run  # noqa: F401

    with closing(Database(store.url, runtime.worker.moodmill_stall_seconds)) as database:
        prepare_store(database, store.lake)
        yield database


def shown_to(progress: bool | OnProgress, runtime: Runtime) -> AbstractContextManager[OnProgress]:
    """Return a context of what takes the progress: nothing, a bar where somebody sees it, or the caller's function."""
    if callable(progress):
        return nullcontext(progress)
    console = Console(stderr=True)
    if progress and (console.is_terminal or console.is_jupyter):
        return shown_progress(console, own_worker=runtime.starts_worker)
    return nullcontext(_ignore)


def _ignore(_: Progress) -> None: ...
