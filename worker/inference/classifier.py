"""The threads around the model: task threads hand texts in and wait; model threads classify what waits.

So the model works while other chunks are tokenized and written, and micro-batches form across chunks. There are as many
model threads as the model runs micro-batches at once: on a GPU two, so that one is laid out while the device works on
the one before.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import ModelError
from moodmill.db.core.text import clean
from moodmill.db.core.unsupported import Reason
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.core.watchdog import Watchdog
from moodmill.worker.inference.engines import Tuning, load_model
from moodmill.worker.inference.microbatch import Batcher, cut
from moodmill.worker.inference.model import DeviceError, EmotionModel, OutOfMemoryError
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.segments import pool
from moodmill.worker.inference.short_threads import in_passing
from moodmill.worker.inference.suitability import Language, Suitability
from moodmill.worker.inference.tokens import Segment, TextTokenizer
from moodmill.worker.inference.tuning import tuned
from moodmill.worker.telemetry import metrics
from moodmill.worker.telemetry.tracing import part_span

logger = logging.getLogger(__name__)

#: Chunks that are tokenized at once: of several, the first is done no sooner than the last, and the model waits for it.
#: One is in the tokenizer, which has all cores; another before or behind it, in Python.
TOKENIZED_AT_ONCE: Final = 2
#: Exit status of a process whose model thread died; a supervisor starts another.
DEAD_MODEL_STATUS: Final = 70


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the model says of n texts."""

    #: [n, 27]; rows of texts that failed hold NaN.
    probabilities: NDArray[np.float32]
    #: [n]: what the model read, special tokens included.
    tokens: NDArray[np.int32]
    #: [n]: in how many segments.
    segments: NDArray[np.int32]
    #: [n]
    truncated: NDArray[np.bool_]
    #: [n]: why the model is not to be trusted on a text.
    unsupported: Sequence[Reason | None]
    #: Why a text could not be classified, by its row.
    errors: dict[int, str]


@dataclass(kw_only=True)
class _Ticket:
    """The segments of texts that were handed in together. Model threads fill it in; then its future is done."""

    #: A row a segment.
    probabilities: NDArray[np.float32]
    remaining: int
    #: Why a segment could not be classified, by its row.
    errors: dict[int, str] = field(default_factory=dict)
    done: Future[None] = field(default_factory=Future)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    """One segment of a text that waits for the model."""

    segment: Segment
    row: int
    ticket: _Ticket

    @property
    def length(self) -> int:
        return self.segment.length


class Classifier:
    """Classifies texts for any number of threads. Use as a context manager: the model threads run inside it."""

    def __init__(
        self,
        model: EmotionModel,
        tokenizer: TextTokenizer,
        batch_tokens: int,
        watchdog: Watchdog | None = None,
        language: Language | None = None,
    ) -> None:
        """`batch_tokens`: tokens of a micro-batch, padding included; `language`: the one that the model reads, if it
        reads one alone.
        """
        self._model = model
        self._tokenizer = tokenizer
        self._suitability = Suitability(language=language)
        self._watchdog = watchdog or Watchdog()
        self._budget = batch_tokens
        self._batcher: Batcher[_Waiting] = Batcher(batch_tokens, pads=model.pads)
        #: Cut from a window, and not begun.
        self._batches: deque[list[_Waiting]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._tokenizing: Final = threading.Semaphore(TOKENIZED_AT_ONCE)
        #: Model threads that go on: memory that does not hold two micro-batches at once gets one at a time.
        self._lanes = model.lanes
        self._threads = [threading.Thread(target=self._serve, name="model", daemon=True) for _ in range(self._lanes)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __str__(self) -> str:
        padding = "padded" if self._model.pads else "without padding"
        model = self._model
        return f"{model.device}, {model.engine}, micro-batches of {self._budget:,} tokens {padding}"

    @property
    def model_threads(self) -> int:
        """Micro-batches at once."""
        return len(self._threads)

    @property
    def engine(self) -> Engine:
        """What computes the probabilities."""
        return self._model.engine

    def classify(self, texts: Sequence[str]) -> Outcome:
        """Tokenize texts, wait for the model, and return what it says; equal texts are classified once. Thread-safe."""
        texts = list(map(clean, texts))
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        distinct = self._classify([*numbers])
        if len(numbers) == len(texts):
            return distinct
        rows = np.array([numbers[text] for text in texts])
        return Outcome(
            probabilities=distinct.probabilities[rows],
            tokens=distinct.tokens[rows],
            segments=distinct.segments[rows],
            truncated=distinct.truncated[rows],
            unsupported=[distinct.unsupported[number] for number in rows],
            errors={row: distinct.errors[number] for row, number in enumerate(rows) if number in distinct.errors},
        )

    def _classify(self, texts: Sequence[str]) -> Outcome:
        with (
            self._tokenizing,
            self._watchdog.watching("tokenizing a chunk"),
            metrics.timed("tokenize"),
            part_span("tokenize"),
        ):
            encoded = self._tokenizer.encode(texts)
            unsupported = [self._suitability.lacks(text, ids.unknown) for text, ids in zip(texts, encoded, strict=True)]
        counts = np.array([len(text.segments) for text in encoded], dtype=np.int32)
        ticket = self._wait([segment for text in encoded for segment in text.segments])
        owners = np.repeat(np.arange(len(texts)), counts).tolist()
        errors: dict[int, str] = {}
        for row, error in sorted(ticket.errors.items()):
            errors.setdefault(owners[row], error)  # of several segments the first one's
        return Outcome(
            probabilities=pool(ticket.probabilities, counts, self._tokenizer.segmentation.pooling),
            tokens=np.array([text.length for text in encoded], dtype=np.int32),
            segments=counts,
            truncated=np.array([text.truncated for text in encoded], dtype=np.bool_),
            unsupported=unsupported,
            errors=errors,
        )

    def _wait(self, segments: Sequence[Segment]) -> _Ticket:
        """Hand segments to the model threads, and wait until all of them are classified."""
        empty = np.full((len(segments), len(EMOTIONS)), np.nan, dtype=np.float32)
        ticket = _Ticket(probabilities=empty, remaining=len(segments))
        if segments:
            with metrics.timed("wait"), part_span("forward"):
                with self._changed:
                    waiting = [_Waiting(segment=one, row=row, ticket=ticket) for row, one in enumerate(segments)]
                    self._batcher.add(waiting, time.monotonic())
                    self._changed.notify()
                ticket.done.result()
        return ticket

    def warm_up(self) -> None:
        """Classify a short and a long text, so that a model that cannot fails now; raises RuntimeError then."""
        try:
            in_passing(self._prove)
        except Exception as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        errors = self.classify(["up " * self._tokenizer.limit]).errors
        if errors:
            raise RuntimeError(next(iter(errors.values())))

    def _serve(self) -> None:
        try:
            while self._step():
                pass
        except BaseException:
            # Whatever waits would wait for ever. The chunks in work are not acknowledged: the queue still has them.
            logger.critical("the model thread died", exc_info=True)
            os._exit(DEAD_MODEL_STATUS)

    def _step(self) -> bool:
        """Wait until a window is due, and run a micro-batch of it; return False when closed and nothing is left."""
        with self._changed:
            while not self._batches:
                due = self._batcher.due_in(time.monotonic())
                if due == 0:
                    self._batches.extend(self._batcher.cut())
                    self._changed.notify_all()
                elif due is None and self._closing:
                    self._lanes -= 1
                    return False
                else:
                    self._changed.wait(due)
            batch = self._batches.popleft()
        # Only now, for as long as an error is handled it holds the tensors of the batch that failed.
        return self._put_back(batch, self._run(batch))

    def _put_back(self, ran: list[_Waiting], batches: Sequence[list[_Waiting]]) -> bool:
        """Put micro-batches in front of those that wait to be run; tell whether this thread is to go on.

        What comes back as it was is what memory does not hold beside another.
        """
        with self._changed:
            self._batches.extendleft(reversed(batches))
            self._changed.notify_all()
            return not any(one is ran for one in batches)

    def _run(self, batch: list[_Waiting]) -> Sequence[list[_Waiting]]:
        """Run a micro-batch; return the smaller ones to run instead when it fails.

        Out of memory: go on with half the budget. Another error: find the text that causes it. One that the device
        does not survive, or that a harmless text causes too, is raised.
        """
        try:
            with self._watchdog.watching("a micro-batch"), metrics.timed("forward"):
                found = self._model.probabilities([one.segment.ids for one in batch], self._tokenizer.pad_id)
        except OutOfMemoryError:
            if self._leave_to_others():
                return [batch]
            if len(batch) == 1:
                raise
            return self._cut_smaller(batch)
        except DeviceError:
            raise  # after it every text would fail, and none of them is to blame
        except Exception as error:  # noqa: BLE001 - becomes the dead letter of the text that causes it
            if len(batch) > 1:
                middle = len(batch) // 2
                return batch[:middle], batch[middle:]
            self._prove()
            self._deliver(batch[0], f"{type(error).__name__}: {error}")
        else:
            metrics.count_microbatch([one.length for one in batch], self._budget, pads=self._model.pads)
            for one, row in zip(batch, found, strict=True):
                self._deliver(one, row)
        return ()

    def _leave_to_others(self) -> bool:
        """Tell whether this model thread, out of memory, is to end because another may hold it."""
        with self._changed:
            if self._lanes == 1:
                return False
            self._lanes -= 1
        logger.warning("out of memory: one micro-batch less at once from now on")
        return True

    def _cut_smaller(self, batch: list[_Waiting]) -> list[list[_Waiting]]:
        """Cut a micro-batch that memory does not hold, and those that wait to be run, by half the budget."""
        with self._changed:
            smaller = self._cut(batch)
            if len(smaller) == 1:  # or else it was begun before the budget was halved
                self._budget = self._batcher.halve_budget()
                logger.warning("out of memory: micro-batches of %d tokens from now on", self._budget)
                smaller = self._cut(batch)
                self._batches = deque(part for waiting in self._batches for part in self._cut(waiting))
        return smaller

    def _cut(self, batch: list[_Waiting]) -> list[list[_Waiting]]:
        return cut(batch, self._budget, pads=self._model.pads)

    def _prove(self) -> None:
        """Raise what the model raises of a harmless text, if it does: then no text is to blame."""
        with self._watchdog.watching("a harmless text"):
            [harmless] = self._tokenizer.encode(["warm"])
            self._model.probabilities([harmless.segments[0].ids], self._tokenizer.pad_id)

    def _deliver(self, one: _Waiting, result: NDArray[np.float32] | str) -> None:
        ticket = one.ticket
        if isinstance(result, str):
            ticket.errors[one.row] = result
        else:
            ticket.probabilities[one.row] = result
        with self._changed:  # texts of a ticket may be in several threads' micro-batches
            ticket.remaining -= 1
            done = ticket.remaining == 0
        if done:
            ticket.done.set_result(None)


def load_classifier(files: ModelFiles, settings: WorkerSettings, watchdog: Watchdog | None = None) -> Classifier:
    """Load a model and its tokenizer, as `tuned` says. Raises ModelError or SettingError when that cannot be."""
    return in_passing(_load, files, settings, watchdog)


def _load(files: ModelFiles, settings: WorkerSettings, watchdog: Watchdog | None) -> Classifier:
    return classifier_of(files, settings, tuned(files, settings), watchdog)


def classifier_of(
    files: ModelFiles, settings: WorkerSettings, tuning: Tuning, watchdog: Watchdog | None = None
) -> Classifier:
    """Load a model and its tokenizer, as a tuning says. Raises as `load_classifier`."""
    model = load_model(files, settings, tuning)
    tokenizer = TextTokenizer(files.folder, model.max_tokens, settings.moodmill_max_tokens, settings.moodmill_cache)
    if tokenizer.highest_id >= model.vocabulary:
        # An id without an embedding is an error of one text on CPU; a GPU does not survive it.
        raise ModelError(
            f"the tokenizer of the model {files.name} has ids up to {tokenizer.highest_id}, the model knows "
            f"{model.vocabulary}: are they of one model?"
        )
    metrics.describe_model(files.name, model.device, model.engine.precision)
    return Classifier(model, tokenizer, tuning.batch_tokens, watchdog, files.language)
