"""What is left to do, for those who look again and again: that costs what is left, and not what is done.

Only the runs under way are added up whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import case, func, literal_column, select

from moodmill.db.analytics.rollups import stale
from moodmill.db.core.pace import SPEED_WINDOW_S, seconds_left, share_done
from moodmill.db.core.unsupported import NOTES
from moodmill.db.database.schema import chunk, dead_letter, note, run, source
from moodmill.db.database.store import Store

SPEED_WINDOW: Final = timedelta(seconds=SPEED_WINDOW_S)
#: Runs under way that are shown at most, the newest.
RUNS: Final = 20
#: Literal, as in the index: a parameter would not be known to fit it.
_LEFT: Final = chunk.c.state != literal_column("'done'")
_PENDING: Final = _LEFT & (chunk.c.state == "pending")
#: How many chunks are left, and when the oldest of them came, by state.
LEFT: Final = select(chunk.c.state, func.count(), func.min(chunk.c.added_at)).where(_LEFT).group_by(chunk.c.state)


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What all runs together have left, and left behind."""

    pending_chunks: int
    failed_chunks: int
    #: When the oldest of the pending ones became so, if that is known of any.
    oldest_pending_at: datetime | None
    dead_letters: int
    #: Days and months whose roll-ups are behind the rows.
    stale_periods: int


@dataclass(frozen=True, kw_only=True)
class RunPace:
    """How far a run is that is under way, and how fast."""

    id: str
    sources: tuple[str, ...]
    classified: int
    #: Of these, those on which the model is not to be trusted.
    unsupported: int
    pending_chunks: int
    failed_chunks: int
    #: The share of all sources' bytes that is read and done with, from 0 to 1.
    share: float
    #: Comments classified a second, lately.
    speed: float
    #: What classifies its comments; None before the first of its chunks is begun.
    engine: str | None = None

    @property
    def seconds_left(self) -> float | None:
        """Return how long the rest takes at this speed; None where nobody can say."""
        return seconds_left(self.share, self.classified, self.speed)


def backlog(store: Store) -> Backlog:
    """Count what is left."""
    # A letter in replay is counted with the chunk that replays it.
    buried = select(func.count()).select_from(dead_letter).where(dead_letter.c.replay_chunk.is_(None))
    with store.reading() as connection:
        counted = {state: (int(n), oldest) for state, n, oldest in connection.execute(LEFT)}
        letters = int(connection.scalar(buried) or 0)
    pending, oldest = counted.get("pending", (0, None))
    return Backlog(
        pending_chunks=pending,
        failed_chunks=counted.get("failed", (0, None))[0],
        oldest_pending_at=oldest,
        dead_letters=letters,
        stale_periods=len(stale(store)),
    )


def runs_under_way(store: Store, now: datetime) -> list[RunPace]:
    """Return the runs that are being read, or have pending chunks, the newest first: RUNS of them at most."""
    open_ = run.c.input_closed_at.is_(None) | run.c.id.in_(select(chunk.c.run_id).where(_PENDING))
    newest = select(run).where(open_).order_by(run.c.created_at.desc(), run.c.id)
    pending, lately = chunk.c.state == "pending", chunk.c.done_at > now - SPEED_WINDOW
    with store.reading() as connection:
        runs = connection.execute(newest.limit(RUNS)).all()
        ids = [one.id for one in runs]
        totals = select(
            chunk.c.run_id,
            func.sum(chunk.c.records).label("records"),
            func.sum(chunk.c.classified).label("classified"),
            func.sum(case((pending, 1), else_=0)).label("pending"),
            func.sum(case((chunk.c.state == "failed", 1), else_=0)).label("failed"),
            func.sum(case((pending, chunk.c.records), else_=0)).label("waiting"),
            func.sum(case((lately, chunk.c.classified), else_=0)).label("lately"),
        )
        mine = totals.where(chunk.c.run_id.in_(ids)).group_by(chunk.c.run_id)
        counted = {one.run_id: one for one in connection.execute(mine)}
        noted = select(note.c.run_id, func.sum(note.c.n)).where(note.c.run_id.in_(ids), note.c.kind.in_(NOTES))
        unsupported = {one: int(n) for one, n in connection.execute(noted.group_by(note.c.run_id))}
        files = connection.execute(select(source).where(source.c.run_id.in_(ids)).order_by(source.c.number)).all()
    return [
        _pace(
            one,
            [file for file in files if file.run_id == one.id],
            counted.get(one.id),
            unsupported.get(one.id, 0),
            now - one.created_at,
        )
        for one in runs
    ]


def _pace(of: Any, files: Sequence[Any], counted: Any, unsupported: int, age: timedelta) -> RunPace:
    """Work out a run's pace from its row, the rows of its sources, and what its chunks add up to, if it has any."""
    size = sum(file.size for file in files) or 1
    read = sum(file.size if of.input_closed_at or file.ended else file.bytes_read or 0 for file in files) / size
    is_past = age > timedelta(0)  # else the clock went back since
    seconds = max(min(age, SPEED_WINDOW).total_seconds(), 1.0) if is_past else SPEED_WINDOW.total_seconds()
    return RunPace(
        id=of.id,
        sources=tuple(file.name for file in files),
        classified=int(counted.classified) if counted else 0,
        unsupported=unsupported,
        pending_chunks=int(counted.pending) if counted else 0,
        failed_chunks=int(counted.failed) if counted else 0,
        share=share_done(float(read), int(counted.waiting), int(counted.records)) if counted else 0.0,
        speed=int(counted.lately) / seconds if counted else 0.0,
        engine=of.engine,
    )
