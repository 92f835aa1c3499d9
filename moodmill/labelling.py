"""Label sources from Python: what `moodmill label` does, with what it is to do passed in."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace
from rich.console import Console

from moodmill.arguments import Moment, Precision, names, period, worker_settings
from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.errors import MoodmillError, SettingError
from moodmill.db.core.filters import Filters
from moodmill.db.core.names import author_key, subreddit_key
from moodmill.db.database.store import Store as Database
from moodmill.producers.runs import labelling
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.deadshare import MAX_DEAD
from moodmill.producers.runs.options import RunOptions, run_defaults
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.runs.waiter import OnProgress, Progress
from moodmill.producers.sources import Columns, ReadOptions, checked
from moodmill.progress import shown_progress
from moodmill.store import Store
from moodmill.worker.core.settings import BUNDLED_MODEL, MAX_TOKENS, WorkerSettings
from moodmill.worker.queue.message import MAX_COMMENTS

#: The store where none is named: the one of `moodmill label`.
DEFAULT_STORE: Final = "sqlite:///moodmill.db"

PathLike = str | os.PathLike[str]


class Run:
    """A run of a store: sources that are labelled, or begun. Made by `moodmill.label` and `Store.run`."""

    def __init__(self, run_id: str, store: Store, runtime: Runtime) -> None:
        #: As every command and the store name it.
        self.id: Final = run_id
        self.store: Final = store
        self._runtime: Final = runtime

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.store!r})"

    @property
    def summary(self) -> RunStatus:
        """How the run stands now: every record read is classified, skipped with its reason, dead, or waiting."""
        with closing(Database(self.store.url)) as database:
            return status(database, self.id)

    def resume(self, *, max_dead: float | None = None, progress: bool | OnProgress = True) -> RunStatus:
        """Finish the run: read what is not read, classify what is not classified. Returns how it stands then.

        Blocks. A run that is done stays as it is. `max_dead`, `progress` and what is raised are as in `label`.
        """
        with _database(self.store.url, self._runtime) as database, _progress(progress, self._runtime) as show:
            return labelling.resume(database, self.id, self._runtime, show, _share(max_dead))


def label(
    sources: PathLike | Iterable[PathLike],
    *,
    store: str | Store = DEFAULT_STORE,
    broker: str | None = None,
    model: str = BUNDLED_MODEL,
    revision: str | None = None,
    labels: str | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    batch_tokens: int | None = None,
    max_tokens: int = MAX_TOKENS,
    subreddits: str | Iterable[str] | None = None,
    authors: str | Iterable[str] | None = None,
    not_authors: str | Iterable[str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    min_length: int = 0,
    honour_deletions: bool = False,
    kind: str | None = None,
    columns: Mapping[str, str] | None = None,
    reading: Mapping[str, Any] | None = None,
    keep_text: bool = False,
    chunk_comments: int | None = None,
    max_dead: float | None = None,
    again: bool = False,
    progress: bool | OnProgress = True,
) -> Run:
    """Label dumps, tables or folders into a store; return the run when it is done. Blocks.

    Without a broker, an embedded one and a worker process are started, and ended with the call. No setting is read from
    the environment. Ctrl-C leaves a run that `Store(…).runs()[0].resume()` finishes: what is done stays done.

    Args:
        sources: A file or folder, or several.
        store: The URL of the store: sqlite:///FILE, which is made where it is not there, or
            postgresql://USER:PASSWORD@HOST/NAME.
        broker: The URL of a Redis server whose workers are to classify.
        model: "bundled", a folder, or a repository of the Hugging Face Hub.
        revision: Commit, tag or branch of the repository.
        labels: Names of the outputs of a model that does not name them.
        device: "auto" takes a GPU where there is one; else what torch calls a device.
        precision: "auto" is what is fastest and says nearly the same; see `EmotionClassifier.from_pretrained`.
        batch_tokens: Tokens of a micro-batch; without it, by device.
        max_tokens: Tokens of a text that are read at most, special ones included.
        subreddits: Only comments of these, however they are spelled.
        authors: Only comments of these.
        not_authors: Only comments of others.
        since: Only comments of this moment or later; a day, month or year stands for when it begins, in UTC.
        until: Only comments before this moment.
        min_length: Characters of a text at least.
        honour_deletions: Skip what was deleted or removed after it was archived.
        kind: Of the sources: "reddit", "json", "csv", …; by name and content without it.
        columns: The column of "text", "id", "subreddit", "author", "created_at", "title" or "link", where the common
            names do not fit: a name, a dotted path, or a number from 1.
        reading: Other options of reading, as `moodmill.sources.ReadOptions` names them: {"encoding": "cp1252"}.
        keep_text: Keep each comment's text in the store.
        chunk_comments: Comments of a chunk, 1 to 10,000; 512 without it.
        max_dead: Give a source up once more of its records cannot be read, 0 to 1, from the 1,000th on; 0.5 without it.
        again: Label files too that a job of the schedule has labelled already, just so.
        progress: Show a bar in a terminal or notebook, or not; or a function that gets a Progress now and then.

    Returns:
        The run. `run.summary.succeeded` is true when every record read is accounted for and none is dead.

    Raises:
        SettingError: An argument is none that can be meant.
        SourceError: There is nothing to be read.
        StoreError, BrokerError: The store or the broker cannot be used.
        WorkerError: The worker ends and cannot go on: for want of its model, say.
    """
    worker = worker_settings(
        model,
        revision=revision,
        labels=labels,
        device=device,
        precision=precision,
        batch_tokens=batch_tokens,
        max_tokens=max_tokens,
        broker=broker,
    )
    runtime = runtime_of(worker, chunk_comments)
    first, end = period(since, until)
    filters = Filters(
        subreddits=names(subreddit_key, subreddits) or None,
        authors=names(author_key, authors) or None,
        not_authors=names(author_key, not_authors),
        since=first,
        until=end,
        min_length=min_length,
        honour_deletions=honour_deletions,
    )
    options = _options(runtime, filters, _reading(kind, columns, reading), keep_text, _share(max_dead))
    opened = store if isinstance(store, Store) else Store(store)
    paths = [Path(sources)] if isinstance(sources, str | os.PathLike) else [Path(source) for source in sources]
    ids: list[str] = []
    with _database(opened.url, runtime) as database, _progress(progress, runtime) as show:
        try:
            labelling.label(database, paths, options, runtime, ids.append, show, again=again)
        except (MoodmillError, KeyboardInterrupt) as error:
            if ids:
                error.add_note(f"What is done is in the store: {opened!r}.run({ids[0]!r}).resume() finishes the run.")
            raise
    return Run(ids[0], opened, runtime)


def runtime_of(worker: WorkerSettings, chunk_comments: int | None = None) -> Runtime:
    """Return where runs with these settings are worked on. Raises SettingError."""
    producer = ProducerSettings.model_construct()
    if chunk_comments is not None:
        if not 1 <= chunk_comments <= MAX_COMMENTS:
            raise SettingError(f"chunk_comments is {chunk_comments}: expected 1 to {MAX_COMMENTS:,}")
        producer = producer.model_copy(update={"moodmill_chunk_comments": chunk_comments})
    return Runtime(worker=worker, producer=producer)


def _options(
    runtime: Runtime, filters: Filters, reading: ReadOptions, keep_text: bool, max_dead: float | None
) -> RunOptions:
    defaults = run_defaults(runtime.worker, runtime.producer)
    share = MAX_DEAD if max_dead is None else max_dead
    return replace(defaults, reading=reading, filters=filters, keep_text=keep_text, max_dead=share)


def _reading(kind: str | None, columns: Mapping[str, str] | None, others: Mapping[str, Any] | None) -> ReadOptions:
    """Return the options of reading. Raises SettingError for names that are none."""
    try:
        return checked(ReadOptions(kind=kind, columns=Columns(**(columns or {})), **(others or {})))
    except TypeError as error:
        raise SettingError(f"columns and reading take the names of moodmill.sources.ReadOptions: {error}") from error


def _share(max_dead: float | None) -> float | None:
    if max_dead is not None and not 0 <= max_dead <= 1:
        raise SettingError(f"max_dead is {max_dead}: expected a share from 0 to 1")
    return max_dead


@contextmanager
def _database(url: str, runtime: Runtime) -> Iterator[Database]:
    with closing(Database(url, runtime.worker.moodmill_stall_seconds)) as database:
        database.prepare()
        yield database


def _progress(progress: bool | OnProgress, runtime: Runtime) -> AbstractContextManager[OnProgress]:
    """Return a context of what takes the progress: nothing, a bar where somebody sees it, or the caller's function."""
    if callable(progress):
        return nullcontext(progress)
    console = Console(stderr=True)
    if progress and (console.is_terminal or console.is_jupyter):
        return shown_progress(console, own_worker=runtime.starts_worker)
    return nullcontext(_ignore)


def _ignore(_: Progress) -> None: ...
