"""A run as one process works on it: what is known of it, and the ways to its ledger and to the broker."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import BrokerError, StoreAwayError
from moodmill.db.core.retry import with_retries
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Run, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs import metrics
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reopening import open_again
from moodmill.producers.runs.serving import why_unserved
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.sources import Layout
from moodmill.producers.sources.record import Source
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.telemetry.tracing import chunk_span

#: Seconds between two looks at the ledger, and between two calls of `check`.
TICK_S: Final = 0.2

Answer = TypeVar("Answer")


class RunSession:
    """A run, its ledger, its broker, and the counts of this process. Waits for a store or a broker that is away."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        run_id: str,
        settings: ProducerSettings,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` is called again and again while something is waited for, and ends the waiting by raising.

        Raises RunError when there is no such run.
        """
        self.store: Final = store
        self.broker: Final = broker
        self.settings: Final = settings
        self.check: Final = check
        self.ledger: Final = Ledger(store)
        self.run: Final[Run] = self.ledger.run(run_id)
        self.options: Final = RunOptions.from_json(self.run.options)
        #: How sources are read, by number, as far as that is found.
        self.layouts: Final = {
            file.number: Layout.from_json(file.layout) for file in self.run.sources if file.layout is not None
        }
        #: Records read so far, by whatever process.
        self.records = self.ledger.records(run_id)
        #: Comments that were to be classified when this process began, and those that it sent since.
        self.sent = self.ledger.waiting(run_id).comments
        #: Characters of the texts that this process sent.
        self.characters = 0
        #: Chunks that are pending, or about to be, and that are yet to be sent again.
        self.unsent: Final[set[int]] = set()

    def stored(self, attempt: Callable[[], Answer]) -> Answer:
        """Ask the store, or write to it, as soon as it is there."""
        return with_retries(attempt, StoreAwayError, self._sleep, f"run {self.run.id}")

    def brokered(self, attempt: Callable[[], Answer]) -> Answer:
        """Ask the broker, or hand something to it, as soon as it is there."""
        return with_retries(attempt, BrokerError, self._sleep, f"run {self.run.id}")

    def why_unserved(self) -> str | None:
        """Return why no worker that lives takes chunks of the run; None where one does, or none lives."""
        workers = self.brokered(self.broker.engines)
        engine = self.stored(lambda: self.ledger.engine(self.run.id))
        return why_unserved(engine, self.options.precision, workers)

    def open(self, file: SourceFile) -> Source:
        """Open a source, and note how it is read where that is not noted yet. Raises as `open_again`."""
        opened = open_again(self.run, file)
        layout = opened.inspect()
        if file.layout is None:
            self.stored(lambda: self.ledger.set_layout(self.run.id, file.number, layout.to_json()))
        self.layouts[file.number] = layout
        return opened

    def send(self, number: int, file: SourceFile, comments: list[Comment]) -> None:
        """Hand a chunk of a source, which is in the ledger, to the workers."""
        message = ChunkMessage(
            run=self.run.id,
            number=number,
            source_number=file.number,
            source=file.name,
            comments=comments,
            keep_text=self.options.keep_text,
            precision=self.options.precision,
            ids=self.layouts[file.number].fields.ids if file.number in self.layouts else "reddit",
        )
        with chunk_span("send", run=message.run, chunk=number, comments=len(comments)):
            self.brokered(lambda: self.broker.send(message))
        self.characters += sum(len(comment.text) for comment in comments)
        metrics.SENT.inc()

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, TICK_S))
