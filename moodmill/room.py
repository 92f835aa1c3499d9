"""How much room rows need in a store: measured in a real one, which is then forgotten."""

import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Final, Literal

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.classified import Classified
from moodmill.db.database.dirty_periods import invalidate_days
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from moodmill.db.results.writer import write_rows
from moodmill.producers.runs.sampling import Range

StoreKind = Literal["sqlite", "postgresql"]

#: What rows and roll-ups take in PostgreSQL, indexes included, beside what they take in SQLite; texts take the same.
#: Measured on 10,000 comments.
SHARES: Final[dict[StoreKind, float]] = {"sqlite": 1.0, "postgresql": 0.7}
#: How much rows of other comments may differ in size from those of the sample.
SPREAD: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Room:
    """What rows take in bytes, by a sample of them."""

    rows: int
    #: In SQLite, indexes included, and of that the text, where it is kept.
    a_row: float
    a_text: float
    #: Of the roll-ups of the sample in SQLite; and the power of the number of rows by which they grow.
    rollups: float
    growth: float

    def bytes_a_row(self, kind: StoreKind) -> float:
        return SHARES[kind] * (self.a_row - self.a_text) + self.a_text

    def bytes_of(self, kind: StoreKind, rows: Range) -> Range:
        """Return what so many rows take, with their roll-ups."""
        spread = (1.0, 1 - SPREAD, 1 + SPREAD)
        return Range(*(self._bytes_of(kind, number) * factor for number, factor in zip(rows, spread, strict=True)))

    def _bytes_of(self, kind: StoreKind, rows: float) -> float:
        rollups: float = self.rollups * (rows / self.rows) ** self.growth
        return rows * self.bytes_a_row(kind) + SHARES[kind] * rollups


def measure_room(rows: Classified, thresholds: Mapping[str, float]) -> Room:
    """Write rows into an SQLite file, one half after the other, and return how it grows.

    `thresholds` are those of their model, by emotion.
    """
    half = (len(rows.comments) + 1) // 2
    order = range(len(rows.comments))
    of_rows, of_rollups, added = 0, [0], 0
    with tempfile.TemporaryDirectory(prefix="moodmill-room-") as folder:
        file = Path(folder) / "store.db"
        with closing(Store(f"sqlite:///{file}")) as store:
            store.prepare()
            register_model(store, rows.model, thresholds)
        for part in (rows.take(order[:half]), rows.take(order[half:])):
            before = file.stat().st_size
            with closing(Store(f"sqlite:///{file}")) as store, store.writing() as connection:
                added += write_rows(connection, part).new_rows  # of two with one id, one is
                invalidate_days(connection, part.model, (one.created_at for one in part.comments))
            between = file.stat().st_size
            with closing(Store(f"sqlite:///{file}")) as store:
                refresh(store)
            of_rows += between - before
            of_rollups.append(of_rollups[-1] + file.stat().st_size - between)
    texts = sum(len(one.text.encode()) for one in rows.comments) / len(rows.comments) if rows.keep_text else 0.0
    _, first, both = of_rollups
    # Subreddits and days that come again need no more room, so it grows by less than the rows.
    growth = min(max(log2(both / first), 0.0), 1.0) if first and both > first else 0.0
    return Room(rows=added, a_row=of_rows / added, a_text=texts, rollups=float(both), growth=growth)
