"""A run that is open: fed into the queue chunk by chunk, awaited, resumed."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import BrokerError, SourceError, StoreAwayError
from moodmill.db.core.note_kinds import NOTHING_PASSED
from moodmill.db.core.retry import with_retries
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Chunk, Note, Run, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs import metrics
from moodmill.producers.runs.chunks import RecordRange, cut_records
from moodmill.producers.runs.deadshare import DeadShare
from moodmill.producers.runs.filtered_names import FilteredNames
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reading import read_again
from moodmill.producers.runs.recovery import Recovery, Snapshot
from moodmill.producers.runs.reopening import check_unchanged, open_again
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.sources import Layout
from moodmill.producers.sources.record import Source
from moodmill.worker.queue.broker import alive, queue_snapshot, requeue, send_chunk
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.telemetry.tracing import chunk_span

logger = logging.getLogger(__name__)

#: Seconds between two looks at the ledger.
TICK_S: Final = 0.2

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, as seen by the process that feeds it or waits for it."""

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


class Feeder:
    """Reads a run's sources and sends its chunks, never more than a set number ahead of the workers.

    Waits for a store or a broker that is away. Sends again what the broker has lost.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        settings: ProducerSettings,
        on_progress: OnProgress,
        check: Callable[[], None] = lambda: None,
        max_dead: float | None = None,
    ) -> None:
        """`check` is called again and again while it waits, and ends the waiting by raising.

        `max_dead` stands for the share of dead records that the run's options allow a source.

        Raises RunError when there is no such run.
        """
        self._store = store
        self._ledger = Ledger(store)
        self._run: Final[Run] = self._ledger.run(run_id)
        self._options: Final = RunOptions.from_json(self._run.options)
        #: How sources are read, by number, as far as that is found.
        self._layouts = {
            file.number: Layout.from_json(file.layout) for file in self._run.sources if file.layout is not None
        }
        self._max_dead: Final = self._options.max_dead if max_dead is None else max_dead
        self._names: Final = FilteredNames(self._options.filters)
        self._settings = settings
        self._on_progress = on_progress
        self._check = check
        self._recovery = Recovery()
        #: Chunks that are pending, or about to be, and that we have yet to send again.
        self._unsent: set[int] = set()
        self._bytes = sum(file.size for file in self._run.sources) or 1
        self._bytes_ended = sum(file.size for file in self._run.sources if file.ended)
        self._reading: tuple[SourceFile, Source] | None = None
        self._records = self._ledger.records(run_id)
        self._sent = self._ledger.waiting(run_id).comments
        self._last_done = (0, time.monotonic())
        self._looked = 0.0

    def feed(self) -> None:
        """Read what is not read yet, and send it. A source that breaks off is noted in the ledger; the next goes on.

        Raises SourceError when a file that was begun is gone, or has changed since.
        """
        for file in self._run.sources:
            if not file.ended:
                try:
                    opened = self._open(file)
                except SourceError as error:
                    if file.error is None:
                        raise
                    self._stored(partial(self._ledger.end_source, self._run.id, file.number, str(error)))
                else:
                    self._feed_source(file, opened)
        if self._names.n and self._stored(lambda: self._ledger.comments(self._run.id)) == 0:
            note = Note(n=self._names.n, example=self._names.describe())
            self._stored(lambda: self._ledger.add_note(self._run.id, NOTHING_PASSED, note))
        self._stored(lambda: self._ledger.seal(self._run.id))

    def recover(self) -> None:
        """Send again, from their sources, the chunks that failed and those that the broker does not have.

        A chunk that it has nevertheless is classified twice and stored once. Raises as `feed`.
        """
        look = self._sent_to(self._look)
        unfinished = {one.number for one in self._stored(lambda: self._ledger.unfinished(self._run.id))}
        unread = self._find(unfinished - (set(look.pending) - look.suspects), look)
        if unread:
            raise SourceError(next(iter(unread.values())))

    def wait(self) -> None:
        """Wait until no chunk is pending."""
        while self.tick():
            self._pause()

    def roll_up(self) -> None:
        """Bring the roll-ups of the store up to date with what was added."""
        self._stored(lambda: refresh(self._store))

    def tick(self) -> int:
        """Report the progress, and return how many chunks are pending."""
        waiting, now = self._stored(lambda: self._ledger.waiting(self._run.id)), time.monotonic()
        classified = self._sent - waiting.comments
        if classified != self._last_done[0]:
            self._last_done = (classified, now)
        read = (self._bytes_ended + self._bytes_read()) / self._bytes
        self._check()
        self._on_progress(
            Progress(
                records=self._records,
                classified=classified,
                waiting=waiting.comments,
                pending_chunks=waiting.chunks,
                share=read * (1 - waiting.records / max(self._records, 1)),
                idle_s=now - self._last_done[1],
            )
        )
        return waiting.chunks

    def _bytes_read(self) -> int:
        """Return how many bytes of the source that is being read are read."""
        if self._reading is None:
            return 0
        file, opened = self._reading
        return round(file.size * opened.share_read())

    def _open(self, file: SourceFile) -> Source:
        """Open a source, and note how it is read where that is not noted yet."""
        opened = open_again(self._run, file)
        layout = opened.inspect()
        if file.layout is None:
            self._stored(lambda: self._ledger.set_layout(self._run.id, file.number, layout.to_json()))
        self._layouts[file.number] = layout
        return opened

    def _feed_source(self, file: SourceFile, opened: Source) -> None:
        self._reading = (file, opened)
        first, start = self._stored(lambda: self._ledger.next_chunk(self._run.id, file.number))
        error: str | None = None
        try:
            options = self._options
            records = opened.records(start)
            ranges = cut_records(records, options.filters, start, options.chunk_comments, self._names)
            share = self._dead_share(file)
            share.check(file.name, self._run.id)
            for number, found in enumerate(ranges, first):
                self._add(number, file, found)
                share.add(found.records, len(found.dead))
                share.check(file.name, self._run.id)
            check_unchanged(self._run, file)
        except SourceError as raised:
            error = str(raised)
        self._stored(lambda: self._ledger.end_source(self._run.id, file.number, error))
        self._reading = None
        self._bytes_ended += file.size

    def _dead_share(self, file: SourceFile) -> DeadShare:
        records, dead = self._stored(lambda: self._ledger.read_of(self._run.id, file.number))
        return DeadShare(records=records, dead=dead, most=self._max_dead)

    def _add(self, number: int, file: SourceFile, found: RecordRange) -> None:
        """Write a range of records into the ledger, then send its comments: what is sent is always in the ledger."""
        added = Chunk(
            number=number,
            source_number=file.number,
            first=found.first,
            stop=found.stop,
            records=found.records,
            comments=len(found.comments),
        )
        self._stored(lambda: self._ledger.add_chunk(self._run.id, added, found.cut, self._bytes_read()))
        metrics.READ.inc(found.records)
        metrics.DEAD_LETTERS.inc(len(found.dead))
        for reason, n in found.skipped.items():
            metrics.SKIPPED.labels(reason).inc(n)
        self._records += found.records
        if found.comments:
            self._names.stop()
            self._sent += len(found.comments)
            self._send(number, file, found.comments)
        self._wait_for_room()

    def _send(self, number: int, file: SourceFile, comments: list[Comment]) -> None:
        message = ChunkMessage(
            run=self._run.id,
            number=number,
            source_number=file.number,
            source=file.name,
            comments=comments,
            keep_text=self._options.keep_text,
            ids=self._layouts[file.number].fields.ids if file.number in self._layouts else "reddit",
        )
        with chunk_span("send", run=message.run, chunk=number, comments=len(comments)):
            self._sent_to(lambda: send_chunk(message))
        metrics.SENT.inc()

    def _send_again(self, numbers: Collection[int]) -> dict[int, str]:
        """Read chunks from their sources again, and send them again. Return why some cannot be read, by number."""
        unread: dict[int, str] = {}
        lost = [one for one in self._stored(lambda: self._ledger.unfinished(self._run.id)) if one.number in numbers]
        self._unsent.update(one.number for one in lost)
        for file in self._run.sources:
            mine = [one for one in lost if one.source_number == file.number]
            try:
                self._send_of(file, mine)
            except SourceError as error:
                unread |= {one.number: str(error) for one in mine if one.number in self._unsent}
        self._unsent -= set(unread)
        return unread

    def _send_of(self, file: SourceFile, chunks: Sequence[Chunk]) -> None:
        """Read chunks of one source again, and send them again. Raises SourceError where it is not what it was."""
        if file.number not in self._layouts and any(not one.replay for one in chunks):
            self._open(file)
        for again, comments in read_again(self._store, self._run, file, chunks):
            if self._stored(partial(self._ledger.retry, self._run.id, again.number)):
                self._sent += again.comments
            self._send(again.number, file, comments)
            self._unsent.discard(again.number)
            self._wait_for_room()

    def _wait_for_room(self) -> None:
        while self.tick() - len(self._unsent) >= self._settings.moodmill_chunks_in_flight:
            self._pause()

    def _pause(self) -> None:
        """Let the workers work; when none of them finishes a chunk for long, send again what the broker has lost."""
        time.sleep(TICK_S)
        now = time.monotonic()
        if now - max(self._last_done[1], self._looked) < self._settings.moodmill_look_seconds:
            return
        self._looked = now
        look = self._sent_to(self._look)
        lost = self._recovery.lost(look)
        if lost:
            logger.warning("%d chunks of run %s were lost on the way: they are sent again", len(lost), self._run.id)
            for number, error in self._find(lost, look).items():
                # Nobody will finish it, so nobody waits for it; and what is left of the sources is read on.
                self._stored(partial(self._ledger.fail, self._run.id, number, error))

    def _find(self, lost: Collection[int], look: Snapshot) -> dict[int, str]:
        """Take chunks out of the hands of dead workers; read and send again what the broker has lost altogether.

        Return why some cannot be read again, by number.
        """
        held = {number for number in lost if number in look.taken and number in look.pending}  # others have failed
        tags = [tag for number in held for tag in look.taken[number]]
        self._sent_to(lambda: requeue(tags))
        return self._send_again(set(lost) - held)

    def _look(self) -> Snapshot:
        begun = self._stored(lambda: self._ledger.begun(self._run.id))
        pending = {number: worker for number, worker in begun.items() if number not in self._unsent}
        held = queue_snapshot()
        return Snapshot(
            pending=pending,
            queued={number for run, number in held.queued if run == self._run.id},
            taken={number: tags for (run, number), tags in held.taken.items() if run == self._run.id},
            alive=alive({worker for worker in pending.values() if worker}),
        )

    def _stored(self, attempt: Callable[[], Answer]) -> Answer:
        return with_retries(attempt, StoreAwayError, self._sleep, f"run {self._run.id}")

    def _sent_to(self, attempt: Callable[[], Answer]) -> Answer:
        return with_retries(attempt, BrokerError, self._sleep, f"run {self._run.id}")

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check()
            time.sleep(min(left, TICK_S))
