"""What a worker process does with a chunk: classify its comments, and store the outcome in one transaction."""

import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np

from db.classified import Classified
from db.errors import StoreError
from db.ledger import DeadLetter, Ledger
from db.models import register_model
from db.results import store_chunk
from db.settings import StoreSettings
from db.store import Store
from worker.classifier import Classifier, Outcome, load_classifier
from worker.message import ChunkMessage
from worker.repository import find_model
from worker.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: Seconds between tries to reach a store that is away: the first pause and the longest.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


class StoppingError(Exception):
    """The worker stops before a chunk could be stored: the chunk belongs back into the queue."""


class Mill:
    """The model, loaded and warm, and the store. Use as a context manager."""

    def __init__(self, worker: WorkerSettings, stored: StoreSettings) -> None:
        """Load everything. Raises ModelError, SettingError or StoreError when a part of it cannot be had."""
        self._store: Final = Store(stored.database_url)
        self._store.prepare()
        self._ledger: Final = Ledger(self._store)
        files = find_model(worker)
        self._classifier: Final[Classifier] = load_classifier(files, worker)
        self.model: Final = files.name
        register_model(self._store, files.name, files.thresholds)
        self._stopping: Final = threading.Event()

    def __enter__(self) -> "Mill":
        self._classifier.__enter__()
        self._classifier.warm_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._classifier.__exit__()
        self._store.close()

    def stop_waiting(self) -> None:
        """Give up on a store that is away: the process is to end."""
        self._stopping.set()

    def grind(self, message: ChunkMessage) -> None:
        """Classify a chunk and store the outcome. Raises StoppingError when stopped while the store is away.

        Any other error is in the ledger, with the chunk, before it is raised.
        """
        run, number = message.run, message.number
        try:
            outcome = self._classifier.classify([comment.text for comment in message.comments])
            classified, dead = split(message, outcome, self.model)
            self._patiently(lambda: store_chunk(self._store, run, number, message.source_number, classified, dead))
        except StoppingError:
            raise
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            self._patiently(lambda: self._ledger.fail(run, number, reason))
            raise

    def _patiently(self, write: Callable[[], object]) -> None:
        """Write to the store, and try again as long as it is away. Raises StoppingError when told to stop."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                write()
            except StoreError as error:
                log = logger.warning if pause == FIRST_PAUSE_S else logger.debug
                log("a chunk waits: %s", error)
                if self._stopping.wait(pause):
                    raise StoppingError(str(error)) from error
                pause = min(2 * pause, LONGEST_PAUSE_S)
            else:
                return


def split(message: ChunkMessage, outcome: Outcome, model: str) -> tuple[Classified, list[DeadLetter]]:
    """Part a chunk into the comments that the model classified and the dead letters of those it could not."""
    comments = message.comments
    dead = [
        DeadLetter(
            position=comments[row].position,
            stage="classify",
            error=error,
            payload=msgspec.json.encode(comments[row]).decode(),
        )
        for row, error in outcome.errors.items()
    ]
    alive = np.array([row for row in range(len(comments)) if row not in outcome.errors], dtype=np.intp)
    classified = Classified(
        comments=[comments[row] for row in alive],
        probabilities=outcome.probabilities[alive],
        tokens=outcome.tokens[alive],
        truncated=outcome.truncated[alive],
        model=model,
        source=message.source,
        keep_text=message.keep_text,
    )
    return classified, dead
