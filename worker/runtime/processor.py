"""What a worker process does with a chunk: classify its comments, and store the outcome in one transaction."""

import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final, Self, TypeVar

import numpy as np

from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import BrokerError, StoreAwayError, WorkerError
from moodmill.db.core.retry import with_retries
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import prepare_store
from moodmill.db.ledger.dead_letters import unclassified
from moodmill.db.ledger.entries import DeadLetter
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.known import find_known
from moodmill.db.results.models import register_model
from moodmill.db.results.writer import store_chunk
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.core.watchdog import Watchdog
from moodmill.worker.inference.classifier import Classifier, Outcome, load_classifier
from moodmill.worker.inference.repository import find_model
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.heartbeat import BEAT_S
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.runtime.isolation import classify_isolated
from moodmill.worker.telemetry import metrics
from moodmill.worker.telemetry.tracing import part_span

logger = logging.getLogger(__name__)

#: Worker processes that may die with a chunk in work beside others; it may have killed them, so the next tries are in
#: isolation. A message that comes again to a process that lives is no other try.
MAX_TRIES: Final = 2
#: Processes that may die while they have the chunk in isolation, after which it has failed.
MAX_ISOLATED_TRIES: Final = 2
#: Seconds after which those that gave no heartbeat are looked for again: a broker that was away, or emptied, knows none
#: until the next beat of each.
SECOND_LOOK_S: Final = BEAT_S + 1

Written = TypeVar("Written")


class StoppingError(Exception):
    """The worker stops before a chunk could be stored: the chunk belongs back into the queue."""


class ChunkProcessor:
    """The model, loaded and warm, and the store. Use as a context manager."""

    def __init__(self, worker: WorkerSettings, stored: StoreSettings, broker: Broker) -> None:
        """Load everything. Raises ModelError, SettingError or StoreError when a part of it cannot be had."""
        self._settings: Final = worker
        self._broker: Final = broker
        #: What the ledger calls this process.
        self.name: Final = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._watchdog: Final = Watchdog(worker.moodmill_stall_seconds)
        # Half of what a try may take: it has to end before the watchdog ends the process.
        self._store: Final = Store(stored.database_url, worker.moodmill_stall_seconds / 2)
        prepare_store(self._store, stored.moodmill_lake)
        self._ledger: Final = Ledger(self._store)
        files = find_model(worker)
        self._classifier: Final[Classifier] = load_classifier(files, worker, self._watchdog)
        self.model: Final = files.name
        register_model(self._store, files.name, files.thresholds)
        self._stopping: Final = threading.Event()
        self._isolation: Final = threading.Lock()

    def __enter__(self) -> Self:
        self._watchdog.__enter__()
        self._classifier.__enter__()
        self._classifier.warm_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._classifier.__exit__()
        self._watchdog.__exit__()
        self._store.close()

    @property
    def engine(self) -> Engine:
        """What classifies here."""
        return self._classifier.engine

    def stop_waiting(self) -> None:
        """Give up on a store that is away: the process is to end."""
        self._stopping.set()

    def process(self, message: ChunkMessage) -> None:
        """Classify a chunk and store the outcome; nothing happens when it is done already.

        Raises StoppingError when stopped while the store is away, RunError for a chunk that the ledger does not know,
        and OtherEngineError for one of a run that another engine classifies: nothing happened then. Any other error is
        in the ledger, with its chunk, before it is raised.
        """
        run, number = message.run, message.number
        precision = message.precision
        others = self._stored(lambda: self._ledger.begin(run, number, self.name, self.engine, precision, self.model))
        if others is None:
            metrics.ALREADY_DONE.inc()
            return
        try:
            with metrics.CHUNKS_IN_WORK.track_inprogress():
                self._process(message, self._count_dead(others))
        except StoppingError:
            raise
        except BaseException as error:
            metrics.FAILED.inc()
            reason = f"{type(error).__name__}: {error}"
            self._stored(lambda: self._ledger.fail(run, number, reason))
            raise

    def _count_dead(self, workers: Sequence[str]) -> int:
        """Count those of the processes that are gone, where enough began a chunk for that to matter."""
        dead = self._missing(workers) if len(workers) >= MAX_TRIES else []
        if len(dead) < MAX_TRIES:
            return len(dead)
        self._pause(SECOND_LOOK_S)
        return len(self._missing(dead))

    def _missing(self, workers: Sequence[str]) -> list[str]:
        """Return those of the processes that gave no heartbeat lately, and did not end well."""
        return with_retries(lambda: self._broker.missing(workers), BrokerError, self._pause, "a chunk")

    def _process(self, message: ChunkMessage, dead: int) -> None:
        run, number, source = message.run, message.number, message.source_number
        comments, ids, precision = message.comments, message.ids, message.precision
        found = self._stored(lambda: find_known(self._store, self.model, comments, ids, precision, (run, number)))
        known = [*found.values()]
        if known:
            logger.info("%d of %d comments have a row already", len(known), len(comments))
        unknown = [comment for place, comment in enumerate(comments) if place not in found]
        outcome, engine = self._classify([comment.text for comment in unknown], dead)
        classified, letters = split(message, unknown, outcome, self.model, engine)
        with metrics.timed("write"), part_span("write"):
            stored = self._stored(lambda: store_chunk(self._store, run, number, source, classified, letters, known))
        if stored is None:
            metrics.ALREADY_DONE.inc()
            return
        metrics.DONE.inc()
        metrics.COMMENTS.inc(len(stored.classified.comments))
        metrics.KNOWN.inc(len(known))
        metrics.TOKENS.inc(int(stored.classified.tokens.sum()))
        metrics.DEAD_LETTERS.inc(len(stored.dead))
        metrics.count_unsupported(stored.classified.unsupported)

    def _classify(self, texts: Sequence[str], dead: int) -> tuple[Outcome, Engine]:
        """Classify the texts of a chunk with which so many processes died; return what by, too."""
        if dead < MAX_TRIES or not texts:
            return self._classifier.classify(texts), self.engine
        if dead >= MAX_TRIES + MAX_ISOLATED_TRIES:
            raise WorkerError(f"{dead} workers began this chunk, and none lived to finish it")
        logger.warning("%d workers died with a chunk in work: its texts go one by one, in isolation", dead)
        with self._isolation:  # a second process with a model is enough
            return classify_isolated(texts, self._settings)

    def _stored(self, write: Callable[[], Written]) -> Written:
        """Write to the store, and try again as long as it is away. Raises StoppingError when the worker is stopping."""

        def watched() -> Written:
            with self._watchdog.watching("a try to write to the store"):
                return write()

        return with_retries(watched, StoreAwayError, self._pause, "a chunk")

    def _pause(self, seconds: float) -> None:
        if self._stopping.wait(seconds):
            raise StoppingError("stopped before a chunk was stored")


def split(
    message: ChunkMessage, comments: Sequence[Comment], outcome: Outcome, model: str, engine: Engine
) -> tuple[Classified, list[DeadLetter]]:
    """Part comments of a chunk into those that the model classified and the dead letters of those it could not."""
    dead = [unclassified(comments[row], error) for row, error in outcome.errors.items()]
    alive = np.array([row for row in range(len(comments)) if row not in outcome.errors], dtype=np.intp)
    classified = Classified(
        comments=[comments[row] for row in alive],
        probabilities=outcome.probabilities[alive],
        tokens=outcome.tokens[alive],
        truncated=outcome.truncated[alive],
        segments=outcome.segments[alive],
        unsupported=[outcome.unsupported[row] for row in alive],
        model=model,
        engine=engine,
        source=message.source,
        keep_text=message.keep_text,
        ids=message.ids,
        replaces=message.precision != "auto",
    )
    return classified, dead
