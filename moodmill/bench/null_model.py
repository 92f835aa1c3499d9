"""A worker without tokenizer and model: what the rest of the way carries shows with it.

    celery -A moodmill.bench.null_model worker …

It answers each text with the same probabilities, after MOODMILL_BENCH_MICROSECONDS for each of its characters.
Only a worker that is started this way has it: the process of whoever imports this module keeps its model.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Self

import numpy as np
from celery.signals import celeryd_init

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.worker.inference.classifier import Outcome
from moodmill.worker.queue.celery_app import configured_app
from moodmill.worker.runtime import processor

COST: Final = "MOODMILL_BENCH_MICROSECONDS"


def __getattr__(name: str) -> Any:
    """Return Celery's application, configured, when Celery asks for it."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return configured_app()


class NullModel:
    """Stands where the classifier stands. Texts wait for each other, as they do for a model."""

    #: As a model has one.
    engine: Final = Engine("torch", "fp32")

    def __init__(self, *_: object) -> None:
        self._seconds = float(os.environ.get(COST, "0")) / 1e6
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def warm_up(self) -> None: ...

    def classify(self, texts: Sequence[str]) -> Outcome:
        if self._seconds:
            with self._turn:
                time.sleep(self._seconds * sum(map(len, texts)))
        return Outcome(
            probabilities=np.full((len(texts), len(EMOTIONS)), 0.5, dtype=np.float32),
            tokens=np.zeros(len(texts), dtype=np.int32),
            truncated=np.zeros(len(texts), dtype=np.bool_),
            segments=np.ones(len(texts), dtype=np.int32),
            unsupported=[None] * len(texts),
            errors={},
        )


@celeryd_init.connect  # type: ignore[untyped-decorator]
def take_the_model_s_place(**_: object) -> None:
    """Make the worker that starts load the null model."""
    processor.load_classifier = NullModel  # type: ignore[assignment,attr-defined]
