"""What this worker process does and how fast, for whoever watches its runs: `WorkMeter` measures it."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Literal, NamedTuple

import msgspec

State = Literal["starting", "measuring", "ready"]

#: Seconds over which speeds and shares are counted.
WINDOW_S: Final = 10.0


class WorkerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says of itself; speeds and shares are those of the last WINDOW_S."""

    state: State
    tokens_per_s: float = 0.0
    #: The share of the time in which its model worked: at 1 it is at its limit.
    model_share: float = 0.0
    #: The share of the time in which it wrote into the store.
    store_share: float = 0.0


class Work(NamedTuple):
    """What several workers do together."""

    ready: int
    measuring: int
    tokens_per_s: float
    #: Of those that are ready, the mean share of the time in which model and store were busy.
    model_share: float
    store_share: float


def together(reports: Sequence[WorkerReport]) -> Work:
    """Return what workers do together, by the report of each."""
    ready = [one for one in reports if one.state == "ready"]
    return Work(
        ready=len(ready),
        measuring=sum(one.state == "measuring" for one in reports),
        tokens_per_s=float(sum(one.tokens_per_s for one in ready)),
        model_share=sum(one.model_share for one in ready) / max(len(ready), 1),
        store_share=sum(one.store_share for one in ready) / max(len(ready), 1),
    )


class BusyClock:
    """Seconds in which at least one thread did something."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._seconds = 0.0
        self._counted_at = 0.0

    def begin(self, now: float) -> None:
        """Let one more thread do it, from the moment `now` of a clock on."""
        with self._lock:
            self._count(now)
            self._threads += 1

    def end(self, now: float) -> None:
        with self._lock:
            self._count(now)
            self._threads -= 1

    def seconds(self, now: float) -> float:
        """Return the seconds until now, those of what goes on included."""
        with self._lock:
            self._count(now)
            return self._seconds

    def _count(self, now: float) -> None:
        if self._threads:
            self._seconds += max(now - self._counted_at, 0.0)
        self._counted_at = now


class WorkMeter:
    """Counts what a process does. Thread-safe; the clock is passed in."""

    def __init__(self) -> None:
        self.model: Final = BusyClock()
        self.store: Final = BusyClock()
        self._state: State = "starting"
        self._tokens = 0
        self._lock = threading.Lock()
        #: Moments, each with the counts until then.
        self._window: deque[tuple[float, int, float, float]] = deque()

    def add_tokens(self, count: int) -> None:
        """Count tokens that the model has read."""
        with self._lock:
            self._tokens += count

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Say as long as the context lasts that this processor is being measured, which is done once."""
        before, self._state = self._state, "measuring"
        try:
            yield
        finally:
            self._state = before

    def be_ready(self) -> None:
        """Say that the model is loaded."""
        self._state = "ready"

    def report(self, now: float) -> WorkerReport:
        """Return what is done since some seconds ago, at the moment `now` of a clock that only goes forward."""
        counts = (now, self._tokens, self.model.seconds(now), self.store.seconds(now))
        self._window.append(counts)
        while len(self._window) > 2 and self._window[1][0] <= now - WINDOW_S:
            self._window.popleft()
        passed, tokens, model, store = (new - old for new, old in zip(counts, self._window[0], strict=True))
        if not passed:
            return WorkerReport(state=self._state)
        return WorkerReport(
            state=self._state,
            tokens_per_s=tokens / passed,
            model_share=min(model / passed, 1.0),
            store_share=min(store / passed, 1.0),
        )


#: Of this process.
METER: Final = WorkMeter()
