"""Waits for the workers: for all chunks of a run, or until there is room for one more; reports progress."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from moodmill.db.core.pace import share_done
from moodmill.db.ledger.entries import SourceFile
from moodmill.producers.runs.forecast import Forecast
from moodmill.producers.runs.session import RunSession
from moodmill.producers.runs.workers import Phase, Wait, WorkerWatch, phase_of, wait_of
from moodmill.producers.sources.record import Source

logger = logging.getLogger(__name__)

#: Seconds without a finished chunk after which workers are asked for that have the run's engine.
UNSERVED_S: Final = 30.0
#: Seconds between two looks at the ledger, at least and at most; between them, this share of the time since a chunk
#: was done: what ends soon is noticed soon, and a long run is not looked at more often for that.
LEAST_TICK_S: Final = 0.02
MOST_TICK_S: Final = 0.2
TICK_SHARE: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, as seen by the process that feeds it or waits for it."""

    #: What goes on: "reading" as long as there is nothing to be labelled, "starting" until a worker is ready,
    #: "measuring" while one measures its processor, which is done once, then "labelling".
    phase: Phase
    #: Seconds since it is labelled; None before.
    labelling_s: float | None
    #: Comments that are labelled in a second, and the seconds that the rest takes; None as long as nobody can say.
    comments_per_s: float | None
    left_s: float | None
    #: Tokens that all workers of the broker classify in a second, lately; None where none of them says so.
    tokens_per_s: float | None
    #: The share of the time in which their models worked, from 0 to 1: at 1 they are at their limit.
    model_share: float | None
    #: What would have to be faster: "reading", "model" or "store".
    waits_for: Wait | None
    #: Records read so far, by whatever process.
    records: int
    #: Comments classified since this process began.
    classified: int
    #: Comments in chunks that wait or are in work.
    waiting: int
    pending_chunks: int
    #: The share of all sources' bytes that is read and done with, from 0 to 1.
    share: float
    #: Seconds since a chunk was last done.
    idle_s: float


OnProgress = Callable[[Progress], None]


class Waiter:
    """Waits for the chunks of a session, and reports its progress meanwhile."""

    def __init__(self, session: RunSession, on_progress: OnProgress) -> None:
        self._session: Final = session
        self._on_progress: Final = on_progress
        self._bytes: Final = sum(file.size for file in session.run.sources) or 1
        self._bytes_ended = sum(file.size for file in session.run.sources if file.ended)
        self._reading: tuple[SourceFile, Source] | None = None
        self._workers: Final = WorkerWatch(session.broker)
        self._labelling_since: float | None = None
        self._forecast: Final = Forecast()
        self._last_done = (0, time.monotonic())
        self._idle_since = 0.0
        self._asked_at = 0.0
        self._is_unserved_said = False

    def begin(self, file: SourceFile, opened: Source) -> None:
        """Let the progress follow a source, which is read from now on."""
        self._reading = (file, opened)

    def end(self, file: SourceFile) -> None:
        """Count a source as read."""
        self._reading = None
        self._bytes_ended += file.size

    def bytes_read(self) -> int:
        """Return how many bytes of the source that is being read are read."""
        if self._reading is None:
            return 0
        file, opened = self._reading
        return round(file.size * opened.share_read())

    def wait(self, when_idle: Callable[[], None]) -> None:
        """Wait until no chunk is pending; call `when_idle` each time that none was finished for long."""
        while self._tick():
            self._pause(when_idle)

    def wait_for_room(self, when_idle: Callable[[], None]) -> None:
        """Wait until no more chunks than may be are with the broker and the workers; else as `wait`."""
        session = self._session
        while self._tick() - len(session.unsent) >= session.settings.moodmill_chunks_in_flight:
            self._pause(when_idle)

    def _tick(self) -> int:
        """Report the progress, and return how many chunks are pending."""
        session = self._session
        waiting, now = session.stored(lambda: session.ledger.waiting(session.run.id)), time.monotonic()
        classified = session.sent - waiting.comments
        if classified != self._last_done[0]:
            self._last_done = (classified, now)
        read = (self._bytes_ended + self.bytes_read()) / self._bytes
        session.check()
        work = self._workers.look()
        phase = phase_of(work, classified, waiting.comments)
        if phase == "labelling" and self._labelling_since is None:
            self._labelling_since = now
        labelling_s = None if self._labelling_since is None else now - self._labelling_since
        share = share_done(read, waiting.records, session.records)
        pace = self._forecast.pace(
            labelling_s,
            classified=classified,
            share=share,
            share_read=read,
            sent=session.sent,
            characters=session.characters,
            tokens_per_s=work.tokens_per_s,
        )
        self._on_progress(
            Progress(
                phase=phase,
                labelling_s=labelling_s,
                comments_per_s=pace.comments_per_s,
                left_s=pace.left_s,
                tokens_per_s=work.tokens_per_s if work.ready else None,
                model_share=work.model_share if work.ready else None,
                waits_for=wait_of(work, is_read=self._bytes_ended >= self._bytes) if phase == "labelling" else None,
                records=session.records,
                classified=classified,
                waiting=waiting.comments,
                pending_chunks=waiting.chunks,
                share=share,
                idle_s=now - self._last_done[1],
            )
        )
        return waiting.chunks

    def _pause(self, when_idle: Callable[[], None]) -> None:
        """Let the workers work."""
        idle_s = time.monotonic() - self._last_done[1]
        time.sleep(min(max(TICK_SHARE * idle_s, LEAST_TICK_S), MOST_TICK_S))
        now = time.monotonic()
        if now - max(self._last_done[1], self._asked_at) >= UNSERVED_S:
            self._asked_at = now
            self._say_unserved()
        if now - max(self._last_done[1], self._idle_since) >= self._session.settings.moodmill_look_seconds:
            self._idle_since = now
            when_idle()

    def _say_unserved(self) -> None:
        """Say once where no worker takes chunks of the run."""
        reason = None if self._is_unserved_said else self._session.why_unserved()
        if reason is not None:
            self._is_unserved_said = True
            logger.warning("run %s waits: %s", self._session.run.id, reason)
