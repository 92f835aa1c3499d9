"""The results of a store, for notebooks and programs: as Arrow, pandas, or batch by batch; and its runs."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Final

from moodmill.arguments import Moment, names, period, texts, worker_settings
from moodmill.db.analytics.export_mark import KEY
from moodmill.db.core.engine import EngineChoice, Precision
from moodmill.db.core.errors import SettingError
from moodmill.db.core.names import subreddit_key
from moodmill.db.core.urls import store_url
from moodmill.db.database.store import Store as Database

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from moodmill.db.analytics.reads import RunStatus
    from moodmill.db.analytics.selection import Selection
    from moodmill.producers.runs.cluster import Runtime
    from moodmill.producers.runs.waiter import OnProgress
    from moodmill.results import Results


class Store:
    """A store of results: an SQLite file or a PostgreSQL database, its rows in a lake if it has one.

    Holds no connection between calls.
    """

    def __init__(self, database_url: str | os.PathLike[str], lake: str | os.PathLike[str] | None = None) -> None:
        """`database_url` is an SQLite file, or sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME. Opens nothing.

        `lake` has a new store keep its rows as Parquet files there: a folder, or a URL as s3://BUCKET/PREFIX. The store
        remembers it. Raises SettingError for a URL that names no such database.
        """
        database_url = store_url(os.fspath(database_url))
        with closing(Database(database_url)) as database:
            self._shown: Final = database.shown
        self._url: Final = database_url
        self._lake: Final = None if lake is None else os.fspath(lake)

    @property
    def url(self) -> str:
        """The URL, with its password."""
        return self._url

    @property
    def lake(self) -> str | None:
        """The lake that it was made with; None of a store that has none, or remembers its own."""
        return self._lake

    def __repr__(self) -> str:
        return f"Store({self._shown!r})"  # without the password

    def to_arrow(
        self,
        *,
        models: str | Iterable[str] | None = None,
        subreddits: str | Iterable[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        supported_only: bool = False,
    ) -> "pa.Table":
        """Return rows as an Arrow table, by time: one a comment and model, with the columns of `moodmill export`.

        Polars and DuckDB take it as it is. The 27 probabilities are float32 in columns named as `moodmill.EMOTIONS`.
        The table's metadata hold under the key `moodmill`, as JSON, the `thresholds` of each model by emotion: an
        emotion counts as found where its probability is above.

        Args:
            models: Only rows of these, as `store.models()` names them; without it, of all.
            subreddits: Only these, however they are spelled.
            since: The first moment wanted; a day, month or year stands for when it begins, in UTC.
            until: The first moment no more wanted.
            supported_only: Leave out texts that the model was not made for: of another language, say.

        Raises:
            SettingError: An argument has no valid value.
            StoreError: There is no such store, or it cannot be read.
        """
        selection = self._selection(models, subreddits, since, until, supported_only=supported_only)
        with self._rows(selection) as rows:
            return rows.read_all()

    def iter_batches(
        self,
        *,
        models: str | Iterable[str] | None = None,
        subreddits: str | Iterable[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        supported_only: bool = False,
    ) -> "Iterator[pa.RecordBatch]":
        """Yield rows in record batches of some 20 MB, in flat memory; all of one moment. Otherwise as `to_arrow`."""
        selection = self._selection(models, subreddits, since, until, supported_only=supported_only)
        return self._batches(selection)

    def to_pandas(
        self,
        *,
        models: str | Iterable[str] | None = None,
        subreddits: str | Iterable[str] | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        supported_only: bool = False,
    ) -> "pd.DataFrame":
        """Return rows as a pandas data frame, with the metadata in `attrs`. Otherwise as `to_arrow`.

        Raises SettingError besides where pandas is not installed.
        """
        selection = self._selection(models, subreddits, since, until, supported_only=supported_only)
        try:
            import pandas  # noqa: F401 - pyarrow imports it, and says less where it is missing
        except ImportError as error:
            raise SettingError("to_pandas needs pandas: pip install pandas, or take to_arrow") from error
        with self._rows(selection) as rows:
            frame = rows.read_pandas()
            frame.attrs["thresholds"] = _thresholds(rows.schema)
            return frame

    @property
    def results(self) -> "Results":
        """What the comments say: ranked, compared, over time, with intervals, as data frames."""
        from moodmill.results import Results

        return Results(self._reading)

    def models(self) -> Mapping[str, bool]:
        """Return the models that have labelled into the store, each with whether its views show it."""
        from moodmill.db.results.models import known_models

        with self._opened() as database:
            return known_models(database)

    def runs(self) -> "list[Run]":
        """Return the runs of the store, the newest first."""
        from moodmill.db.analytics.reads import run_ids

        with self._opened() as database:
            ids = run_ids(database)
        return [self.run(run_id) for run_id in ids]

    def run(
        self,
        run_id: str,
        *,
        broker: str | None = None,
        device: str = "auto",
        engine: EngineChoice = "auto",
        precision: Precision = "auto",
    ) -> "Run":
        """Return a run, to look at or to resume: with this broker, on this device. See `moodmill.label`.

        A run that has begun has its engine and precision, whatever is asked for here.

        Raises RunError where the store has no such run.
        """
        from moodmill.db.analytics.reads import status
        from moodmill.runtime import runtime_of

        with self._opened() as database:
            status(database, run_id)
        settings = worker_settings(device=device, engine=engine, precision=precision, broker=broker)
        return Run(run_id, self, runtime_of(settings))

    def _selection(
        self,
        models: str | Iterable[str] | None,
        subreddits: str | Iterable[str] | None,
        since: Moment | None,
        until: Moment | None,
        *,
        supported_only: bool,
    ) -> "Selection":
        from moodmill.db.analytics.selection import Selection  # which imports pyarrow

        first, end = period(since, until)
        return Selection(
            models=frozenset(texts(models)),
            subreddits=names(subreddit_key, subreddits),
            since=first,
            until=end,
            supported_only=supported_only,
        )

    @contextmanager
    def _rows(self, selection: "Selection") -> "Iterator[pa.RecordBatchReader]":
        from moodmill.db.analytics.selection import read_rows

        with self._opened() as database, read_rows(database, selection) as rows:
            yield rows

    def _batches(self, selection: "Selection") -> "Iterator[pa.RecordBatch]":
        with self._rows(selection) as rows:
            yield from rows

    @contextmanager
    def _reading(self) -> Iterator[Database]:
        """Open the database, and write nothing, not even the schema into an empty one."""
        with closing(Database(self._url)) as database:
            database.require()
            database.require_schema()
            yield database

    @contextmanager
    def _opened(self) -> Iterator[Database]:
        with closing(Database(self._url)) as database:
            database.require()
            database.prepare()
            yield database


class Run:
    """A run of a store: sources that are labelled, or begun. Made by `moodmill.label` and `Store.run`."""

    def __init__(self, run_id: str, store: Store, runtime: "Runtime") -> None:
        #: As every command and the store name it.
        self.id: Final = run_id
        self.store: Final = store
        self._runtime: Final = runtime

    def __repr__(self) -> str:
        return f"Run({self.id!r}, {self.store!r})"

    @property
    def summary(self) -> "RunStatus":
        """How the run stands now: every record read is classified, skipped with its reason, dead, or waiting."""
        from moodmill.db.analytics.reads import status

        with closing(Database(self.store.url)) as database:
            return status(database, self.id)

    def resume(self, *, max_dead: float | None = None, progress: "bool | OnProgress" = True) -> "RunStatus":
        """Finish the run: read what is not read, classify what is not classified. Returns how it stands then.

        Blocks. A run that is done stays as it is. `max_dead`, `progress` and what is raised are as in `label`.
        """
        from moodmill.producers.runs.labelling import resume
        from moodmill.runtime import opened_database, share_of, shown_to

        share = share_of(max_dead)
        with opened_database(self.store, self._runtime) as database, shown_to(progress, self._runtime) as show:
            return resume(database, self.id, self._runtime, show, share)


def _thresholds(schema: "pa.Schema") -> dict[str, dict[str, float]]:
    thresholds: dict[str, dict[str, float]] = json.loads(schema.metadata[KEY])["thresholds"]
    return thresholds
