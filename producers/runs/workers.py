"""What the workers of a broker do, as the process sees it that waits for them: together, from their reports."""

import time
from concurrent.futures import Future
from typing import Final, Literal

from moodmill.db.core.errors import MoodmillError
from moodmill.db.core.question import Question
from moodmill.worker.queue.broker import Broker
from moodmill.worker.telemetry.work import Work, WorkerReport, together

#: What a process that feeds a run, or waits for its workers, waits for.
Phase = Literal["reading", "starting", "measuring", "labelling"]
#: What a run that is labelled would need to be faster.
Wait = Literal["reading", "model", "store"]

#: Seconds between two questions.
ASK_S: Final = 1.0
#: The share of the time above which the model, or the store, is what a run waits for.
MOSTLY: Final = 0.5


def phase_of(work: Work, classified: int, waiting: int) -> Phase:
    """Return what a run is at, of which so many comments are classified, and wait to be."""
    if classified or (work.ready and waiting):
        return "labelling"
    if not waiting:
        return "reading"
    return "measuring" if work.measuring else "starting"


def wait_of(work: Work, *, is_read: bool) -> Wait | None:
    """Return what a run waits for whose sources are read to their end, or not; None where no worker says so."""
    if not work.ready:
        return None
    if max(work.model_share, work.store_share) < MOSTLY and not is_read:
        return "reading"
    return "store" if work.store_share > work.model_share else "model"


class WorkerWatch:
    """Asks a broker for the workers' reports now and then; nobody waits for its answer."""

    def __init__(self, broker: Broker) -> None:
        self._question: Final = Question(broker.reports)
        self._asked: Future[list[WorkerReport]] | None = None
        self._asked_at = 0.0
        self._work = together([])

    def look(self) -> Work:
        """Return what the workers did when they were last asked; as if there were none while the broker is away."""
        if self._asked is not None and self._asked.done():
            try:
                self._work = together(self._asked.result())
            except MoodmillError:
                self._work = together([])
            self._asked = None
        now = time.monotonic()
        if self._asked is None and now - self._asked_at >= ASK_S:
            self._asked, self._asked_at = self._question.ask(), now
        return self._work
