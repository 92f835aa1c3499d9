"""Label sources from Python: what `moodmill label` does, with what it is to do passed in."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from moodmill.arguments import Moment, names, period, worker_settings
from moodmill.db.core.elsewhere import path_of
from moodmill.db.core.engine import EngineChoice, Precision
from moodmill.db.core.errors import MoodmillError, SettingError
from moodmill.db.core.filters import Filters
from moodmill.db.core.names import author_key, subreddit_key
from moodmill.producers.runs import labelling
from moodmill.producers.runs.cluster import Runtime
from moodmill.producers.runs.deadshare import MAX_DEAD
from moodmill.producers.runs.options import RunOptions, run_defaults
from moodmill.producers.runs.waiter import OnProgress
from moodmill.producers.sources import Columns, ReadOptions, checked
from moodmill.runtime import opened_database, runtime_of, share_of, shown_to
from moodmill.store import Run, Store
from moodmill.worker.core.settings import BUNDLED_MODEL, MAX_TOKENS

#: The store where none is named: the one of `moodmill label`.
DEFAULT_STORE: Final = "sqlite:///moodmill.db"

PathLike = str | os.PathLike[str]


def label(
    sources: PathLike | Iterable[PathLike],
    *,
    store: PathLike | Store = DEFAULT_STORE,
    broker: str | None = None,
    model: str = BUNDLED_MODEL,
    revision: str | None = None,
    labels: str | None = None,
    device: str = "auto",
    engine: EngineChoice = "auto",
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
        sources: A file or folder, or the URL of one, or several: "s3://bucket/RC_2005-12.zst".
        store: The store: an SQLite file, which is made where it is not there, sqlite:///FILE, or
            postgresql://USER:PASSWORD@HOST/NAME.
        broker: The URL of a Redis server whose workers are to classify.
        model: "bundled", a folder, or a repository of the Hugging Face Hub.
        revision: Commit, tag or branch of the repository.
        labels: Names of the outputs of a model that does not name them.
        device: "auto" takes a GPU where there is one; else what torch calls a device.
        engine: "openvino" runs on x86 processors, "torch" everywhere; "auto" is what is fastest on the device.
        precision: "auto" is what is fastest and says nearly the same; see `EmotionClassifier.from_pretrained`. Another
            one is that of all rows: those that the store has in others are classified again, and replaced.
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
        keep_text: Keep each comment's text in the store, also of those that were labelled without it.
        chunk_comments: Comments of a chunk, 1 to 10,000; 512 without it.
        max_dead: Give a source up once more of its records cannot be read, 0 to 1, from the 1,000th on; 0.5 without it.
        again: Label files again that a job of the schedule has already labelled with the same options.
        progress: Show a bar in a terminal or notebook, or not; or a function that gets a Progress now and then.

    Returns:
        The run. `run.summary.succeeded` is true when every record read is accounted for and none is dead.

    Raises:
        SettingError: An argument has no valid value.
        SourceError: There is nothing to be read.
        StoreError, BrokerError: The store or the broker cannot be used.
        WorkerError: The worker ends and cannot go on: for want of its model, say.
    """
    worker = worker_settings(
        model,
        revision=revision,
        labels=labels,
        device=device,
        engine=engine,
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
    options = _options(runtime, filters, _reading(kind, columns, reading), keep_text, share_of(max_dead))
    opened = store if isinstance(store, Store) else Store(store)
    given = [sources] if isinstance(sources, str | os.PathLike) else [*sources]
    paths = list(map(path_of, given))
    ids: list[str] = []
    with opened_database(opened, runtime) as database, shown_to(progress, runtime) as show:
        try:
            labelling.label(database, paths, options, runtime, ids.append, show, again=again)
        except (MoodmillError, KeyboardInterrupt) as error:
            if ids:
                error.add_note(f"What is done is in the store: {opened!r}.run({ids[0]!r}).resume() finishes the run.")
            raise
    return Run(ids[0], opened, runtime)


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
