"""Classifies the texts of a chunk that has killed its worker: one by one, in a process whose death kills nobody else.

The text that was being classified when the process died is the culprit. So each culprit costs one process, where
bisecting would cost one for each halving. The process works on the CPU in fp32, where some texts live that a GPU does
not survive, and for which there is room beside the worker's own model.
"""

import logging
import multiprocessing
import signal
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from typing import Final, Self, TypeVar

import numpy as np

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import MoodmillError, WorkerError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.classifier import Outcome, load_classifier
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.segments import MAX_SEGMENT
from moodmill.worker.telemetry.logs import logging_as

logger = logging.getLogger(__name__)

Received = TypeVar("Received")

#: So many texts in a row that kill the process say that the machine is to blame, and not the texts.
SUSPICIOUS_DEATHS: Final = 8
#: Seconds for a process to load the model and for one to end, even on a busy machine.
START_S: Final = 300.0
END_S: Final = 10.0


class _DiedError(Exception):
    """The process died, or had to be killed."""


def classify_isolated(texts: Sequence[str], settings: WorkerSettings) -> tuple[Outcome, Engine]:
    """Classify texts one by one; one that kills its process, or takes too long, has that as its error.

    Returns what came of them, and the engine that the process has. There must be a text.

    Raises WorkerError when the machine rather than the texts seems to be to blame.
    """
    # A budget is named, so that none is measured: one text at a time fits any.
    plain = {"moodmill_device": "cpu", "moodmill_precision": "fp32", "moodmill_batch_tokens": MAX_SEGMENT}
    settings = settings.model_copy(update=plain)
    outcomes: list[Outcome] = []
    deaths = 0
    with ExitStack() as stack:
        process: _Process | None = None
        for text in texts:
            if process is None:
                process = stack.enter_context(_Process(settings))
                engine = process.engine
            try:
                outcomes.append(process.classify(text))
                deaths = 0
            except _DiedError as error:
                process = None
                deaths += 1
                if deaths == SUSPICIOUS_DEATHS:
                    raise WorkerError(
                        f"{deaths} texts in a row killed the process that classified them: the last one {error}; "
                        "check this machine"
                    ) from error
                outcomes.append(_failed(str(error)))
    return _joined(outcomes), engine


class _Process:
    """A process with a model of its own. Use as a context manager."""

    def __init__(self, settings: WorkerSettings) -> None:
        """Start it and wait for the model. Raises WorkerError when that cannot be loaded, or hangs."""
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._limit_s = settings.moodmill_stall_seconds
        self._process = context.Process(target=_serve, args=(theirs, settings), name="isolated", daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends the pipe
        try:
            refusal = self._receive(START_S)
            if refusal is not None:
                raise WorkerError(f"a process that classifies texts one by one cannot start: {refusal}")
            self.engine: Final = _expected(self._receive(self._limit_s), Engine)  # once it is warm
        except _DiedError as error:
            raise WorkerError(f"the process that was to classify texts one by one {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()

    def classify(self, text: str) -> Outcome:
        """Return the outcome of one text. Raises _DiedError."""
        try:
            self._pipe.send(text)
        except OSError as error:
            raise _DiedError(self._death()) from error
        return _expected(self._receive(self._limit_s), Outcome)

    def _receive(self, limit_s: float) -> object:
        if not self._pipe.poll(limit_s):
            self._process.kill()
            raise _DiedError(f"took more than {limit_s:g} s")
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _DiedError(self._death()) from error

    def _death(self) -> str:
        self._process.join(END_S)
        status = self._process.exitcode
        how = f"by {signal.Signals(-status).name}" if status is not None and status < 0 else f"with status {status}"
        return f"ended its process {how}"


def _serve(pipe: Connection, settings: WorkerSettings) -> None:
    # Ctrl-C and a service manager signal the whole group: it would look as if the text had done it. The end of the pipe
    # ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError), logging_as(settings.moodmill_log):
        try:
            classifier = load_classifier(find_model(settings), settings)
        except MoodmillError as error:
            pipe.send(str(error))
            return
        pipe.send(None)
        with classifier:
            classifier.warm_up()
            pipe.send(classifier.engine)
            while True:
                pipe.send(classifier.classify([pipe.recv()]))


def _expected(received: object, kind: type[Received]) -> Received:
    if not isinstance(received, kind):
        raise TypeError(f"expected an {kind.__name__}, got {type(received).__name__}")
    return received


def _failed(error: str) -> Outcome:
    return Outcome(
        probabilities=np.full((1, len(EMOTIONS)), np.nan, dtype=np.float32),
        tokens=np.zeros(1, dtype=np.int32),
        segments=np.zeros(1, dtype=np.int32),
        truncated=np.zeros(1, dtype=np.bool_),
        unsupported=[None],
        errors={0: error},
    )


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Make one outcome of n texts out of n of one text each."""
    return Outcome(
        probabilities=np.concatenate([one.probabilities for one in outcomes]),
        tokens=np.concatenate([one.tokens for one in outcomes]),
        segments=np.concatenate([one.segments for one in outcomes]),
        truncated=np.concatenate([one.truncated for one in outcomes]),
        unsupported=[one.unsupported[0] for one in outcomes],
        errors={row: one.errors[0] for row, one in enumerate(outcomes) if one.errors},
    )
