"""What a worker counts and measures for Prometheus: once a chunk or a micro-batch, never once a comment.

In this process alone: `exposition` serves it. Whoever runs the model may count here, for it asks no server.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Literal

from prometheus_client import Counter, Gauge, Histogram, Info

from moodmill.db.core.unsupported import REASONS, Reason
from moodmill.worker.telemetry.work import METER, BusyClock

Stage = Literal["tokenize", "wait", "forward", "write"]

#: Seconds: from the tokenizing of a few texts to a chunk that waits behind many, or for a store that is away.
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_SHARES: Final = tuple(tenths / 10 for tenths in range(1, 11))

COMMENTS: Final = Counter("moodmill_comments", "Comments classified and stored.")
TOKENS: Final = Counter("moodmill_tokens", "Tokens of these comments, as the model saw them.")
KNOWN: Final = Counter("moodmill_known_comments", "Comments not classified, for the store has their rows already.")
DEAD_LETTERS: Final = Counter(
    "moodmill_dead_letters", "Comments that the model could not classify, or the store not take."
)
_UNSUPPORTED: Final = Counter(
    "moodmill_unsupported_comments", "Comments on which the model is not to be trusted, by why.", ["reason"]
)
_UNSUPPORTED_BY: Final = {reason: _UNSUPPORTED.labels(reason) for reason in REASONS}
QUARANTINED: Final = Counter("moodmill_quarantined_messages", "Messages of the queue that are none of ours.")
CHUNKS: Final = Counter("moodmill_chunks", "Chunks taken, by what became of them.", ["outcome"])
DONE: Final = CHUNKS.labels("done")
FAILED: Final = CHUNKS.labels("failed")
ALREADY_DONE: Final = CHUNKS.labels("already_done")
CHUNKS_IN_WORK: Final = Gauge("moodmill_chunks_in_work", "Chunks in work now.")
_STAGES: Final = Histogram(
    "moodmill_stage_seconds",
    "Seconds that a chunk is tokenized, waits until its last text is classified, and is written; and that the model "
    "takes for a micro-batch (forward).",
    ["stage"],
    buckets=_SECONDS,
)
#: Stages of which it is said how much of the time they take.
_BUSY: Final[dict[Stage, BusyClock]] = {"forward": METER.model, "write": METER.store}
_STAGE: Final = {name: _STAGES.labels(name) for name in ("tokenize", "wait", "forward", "write")}
FILL: Final = Histogram(
    "moodmill_microbatch_fill_ratio", "Tokens of a micro-batch, padding included, over its budget.", buckets=_SHARES
)
PADDING: Final = Histogram(
    "moodmill_microbatch_padding_ratio", "Share of a micro-batch's tokens that is padding.", buckets=(0, *_SHARES)
)
GPU_MEMORY: Final = Gauge("moodmill_gpu_memory_bytes", "Memory of the GPU that the model is on.", ["kind"])
MODEL: Final = Info("moodmill_model", "The model that is loaded, and how it runs.")


def timed(stage: Stage) -> AbstractContextManager[object]:
    """Measure how long the block takes."""
    return _timed_busy(stage, _BUSY[stage]) if stage in _BUSY else _STAGE[stage].time()


@contextmanager
def _timed_busy(stage: Stage, busy: BusyClock) -> Iterator[None]:
    with _STAGE[stage].time():
        busy.begin(time.monotonic())
        try:
            yield
        finally:
            busy.end(time.monotonic())


def count_microbatch(lengths: Sequence[int], budget: int, *, pads: bool) -> None:
    """Note how full a micro-batch was: texts of so many tokens each, of a budget, padded to the longest or not."""
    tokens = sum(lengths)
    METER.add_tokens(tokens)
    laid_out = len(lengths) * max(lengths) if pads else tokens
    FILL.observe(laid_out / budget)
    PADDING.observe(1 - tokens / laid_out)


def count_unsupported(found: Iterable[Reason | None]) -> None:
    """Count the comments of a chunk on which the model is not to be trusted."""
    for reason in found:
        if reason is not None:
            _UNSUPPORTED_BY[reason].inc()


def describe_model(name: str, device: str, precision: str) -> None:
    """Say which model is loaded; `name` as result rows carry it, MODEL@REVISION."""
    model, _, revision = name.rpartition("@")
    MODEL.info({"model": model, "revision": revision, "device": device, "precision": precision})
