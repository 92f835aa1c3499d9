"""A run: opened over its sources, fed into the queue chunk by chunk, awaited, resumed."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from db.comment import Comment
from db.errors import BrokerError, SourceError
from db.ledger import Chunk, Ledger, Run, SourceFile
from db.store import Store
from producers.chunks import RecordRange, cut_records
from producers.options import RunOptions
from producers.record import Record, Source
from producers.replay import letters_in_replay
from producers.sources import expand, fingerprint, open_source
from worker.broker import send_chunk, waiting_messages
from worker.message import ChunkMessage

logger = logging.getLogger(__name__)

#: Seconds between two looks at the ledger.
TICK_S: Final = 0.2
#: Seconds without a finished chunk after which we look whether the broker still has the chunks.
LOOK_S: Final = 30
#: Seconds for which a broker that is full or away is tried again.
BROKER_PATIENCE_S: Final = 120


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


def open_run(store: Store, paths: Sequence[Path], options: RunOptions) -> str:
    """Check the sources, write the run into the ledger and return its id.

    Raises SourceError before anything is written when one of them is no source.
    """
    files = []
    for number, path in enumerate(expand(paths)):
        opened = open_source(path, kind=options.kind, columns=options.columns)
        opened.check()
        size = path.stat().st_size
        files.append(
            SourceFile(
                number=number, path=str(path.resolve()), name=opened.name, size=size, fingerprint=fingerprint(path)
            )
        )
    return Ledger(store).create_run(options.to_json(), files)


class Feeder:
    """Reads a run's sources and sends its chunks, never more than a set number ahead of the workers."""

    def __init__(self, store: Store, run_id: str, *, in_flight: int, on_progress: OnProgress) -> None:
        """`in_flight`: chunks that may be pending at once. Raises RunError when there is no such run."""
        self._store = store
        self._ledger = Ledger(store)
        self._run: Final[Run] = self._ledger.run(run_id)
        self._options: Final = RunOptions.from_json(self._run.options)
        self._in_flight = in_flight
        self._on_progress = on_progress
        self._bytes = sum(file.size for file in self._run.sources) or 1
        self._bytes_ended = sum(file.size for file in self._run.sources if file.ended)
        self._reading: tuple[SourceFile, Source] | None = None
        self._records = self._ledger.records(run_id)
        self._sent = self._ledger.waiting(run_id).comments
        self._next_number = self._ledger.next_number(run_id)
        self._last_done = (0, time.monotonic())
        self._looked = 0.0

    def feed(self) -> None:
        """Read what is not read yet, and send it. A source that breaks off is noted in the ledger; the next goes on.

        Raises SourceError when a file is gone or has changed since the run began.
        """
        for file in self._run.sources:
            if not file.ended:
                self._feed_source(file)
        self._ledger.seal(self._run.id)

    def resend(self) -> None:
        """Read the chunks that are not done from their sources again, and send them again.

        Nobody knows whether the broker still has them; one that is classified twice is stored once.
        """
        unfinished = self._ledger.unfinished(self._run.id)
        unsent = len(unfinished)
        for file in self._run.sources:
            mine = [one for one in unfinished if one.source_number == file.number]
            for again, comments in self._read_again(file, mine):
                if self._ledger.retry(self._run.id, again.number):
                    self._sent += again.comments
                self._send(again.number, file, comments)
                unsent -= 1
                self._wait_for_room(unsent)

    def wait(self) -> None:
        """Wait until no chunk is pending. Raises BrokerError when the broker is gone."""
        while self.tick():
            self._pause()

    def tick(self) -> int:
        """Report the progress, and return how many chunks are pending."""
        waiting, now = self._ledger.waiting(self._run.id), time.monotonic()
        classified = self._sent - waiting.comments
        if classified != self._last_done[0]:
            self._last_done = (classified, now)
        read = self._bytes_ended
        if self._reading is not None:
            file, opened = self._reading
            read += round(file.size * opened.share_read())
        self._on_progress(
            Progress(
                records=self._records,
                classified=classified,
                waiting=waiting.comments,
                pending_chunks=waiting.chunks,
                share=read / self._bytes * (1 - waiting.records / max(self._records, 1)),
                idle_s=now - self._last_done[1],
            )
        )
        return waiting.chunks

    def _feed_source(self, file: SourceFile) -> None:
        opened = self._open(file)
        self._reading = (file, opened)
        start = self._ledger.next_position(self._run.id, file.number)
        error: str | None = None
        try:
            ranges = cut_records(opened.records(start), self._options.filters, start, self._options.chunk_comments)
            for found in ranges:
                self._add(file, found)
        except SourceError as raised:
            error = str(raised)
        self._ledger.end_source(self._run.id, file.number, error)
        self._reading = None
        self._bytes_ended += file.size

    def _add(self, file: SourceFile, found: RecordRange) -> None:
        """Write a range of records into the ledger, then send its comments: what is sent is always in the ledger."""
        added = Chunk(
            number=self._next_number,
            source_number=file.number,
            first=found.first,
            stop=found.stop,
            records=found.records,
            comments=len(found.comments),
        )
        self._ledger.add_chunk(self._run.id, added, found.cut)
        self._next_number += 1
        self._records += found.records
        if found.comments:
            self._sent += len(found.comments)
            self._send(added.number, file, found.comments)
        self._wait_for_room()

    def _send(self, number: int, file: SourceFile, comments: list[Comment]) -> None:
        message = ChunkMessage(
            run=self._run.id,
            number=number,
            source_number=file.number,
            source=file.name,
            comments=comments,
            keep_text=self._options.keep_text,
        )
        deadline, pause = time.monotonic() + BROKER_PATIENCE_S, TICK_S
        while True:
            try:
                send_chunk(message)
            except BrokerError as error:
                if time.monotonic() > deadline:
                    raise
                if pause == TICK_S:
                    logger.warning("%s; trying again for %d s", error, BROKER_PATIENCE_S)
                self.tick()
                time.sleep(pause)
                pause = min(2 * pause, 10.0)
            else:
                return

    def _wait_for_room(self, unsent: int = 0) -> None:
        """Wait until another chunk may be sent; `unsent` of the pending chunks are not with the broker."""
        while self.tick() - unsent >= self._in_flight:
            self._pause()

    def _pause(self) -> None:
        """Let the workers work; when none of them finishes a chunk for long, send again what the broker has lost."""
        time.sleep(TICK_S)
        now = time.monotonic()
        if now - max(self._last_done[1], self._looked) < LOOK_S:
            return
        self._looked = now
        if waiting_messages() == 0 and self._ledger.waiting(self._run.id).chunks:
            logger.warning("the broker has lost chunks of run %s: they are sent again", self._run.id)
            self.resend()

    def _open(self, file: SourceFile) -> Source:
        path = Path(file.path)
        if fingerprint(path) != file.fingerprint:
            raise SourceError(
                f"{path} has changed since run {self._run.id} began: put the old file back to resume, "
                "or label the new one in a run of its own"
            )
        return open_source(path, kind=self._options.kind, columns=self._options.columns)

    def _read_again(self, file: SourceFile, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, list[Comment]]]:
        """Yield chunks of one source, by number, each with its comments."""
        for replay in (one for one in chunks if one.replay):
            yield replay, letters_in_replay(self._store, self._run, replay)
        ranges = [one for one in chunks if not one.replay]
        if not ranges:
            return
        records = _readable(self._open(file).records(ranges[0].first))
        record = next(records, None)
        for one in ranges:
            again = RecordRange(first=one.first, stop=one.first)
            while record is not None and record.position < one.stop:
                if record.position >= one.first:
                    again.take(record, self._options.filters)
                record = next(records, None)
            if len(again.comments) != one.comments:
                raise SourceError(
                    f"{file.path} gives {len(again.comments)} comments for chunk {one.number}, and gave {one.comments} "
                    f"when run {self._run.id} began: label it in a run of its own"
                )
            yield one, again.comments


def _readable(records: Iterator[Record]) -> Iterator[Record]:
    """Yield records up to where the source breaks off, which the ledger knows from the first reading."""
    try:
        yield from records
    except SourceError:
        return
