"""A run that is open: fed into the queue chunk by chunk, recovered, awaited."""

from collections.abc import Callable
from typing import Final

from moodmill.db.database.store import Store
from moodmill.producers.runs.feeder import Feeder
from moodmill.producers.runs.resender import Resender
from moodmill.producers.runs.session import RunSession
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.runs.waiter import OnProgress, Waiter
from moodmill.worker.queue.broker import Broker


class OpenRun:
    """What a process does with a run of the ledger, each as often as it likes."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        run_id: str,
        settings: ProducerSettings,
        on_progress: OnProgress,
        check: Callable[[], None] = lambda: None,
        max_dead: float | None = None,
    ) -> None:
        """`check` is called again and again while it waits, and ends the waiting by raising.

        `max_dead` stands for the share of dead records that the run's options allow a source.

        Raises RunError when there is no such run.
        """
        session = RunSession(store, broker, run_id, settings, check)
        self._waiter: Final = Waiter(session, on_progress)
        self._resender: Final = Resender(session, self._waiter)
        self._feeder: Final = Feeder(session, self._waiter, self._resender.send_lost, max_dead)

    def feed(self) -> None:
        """Read and send what is not read yet; see Feeder."""
        self._feeder.feed()

    def recover(self) -> None:
        """Send again what failed, and what the broker does not have; see Resender."""
        self._resender.send_unfinished()

    def wait(self) -> None:
        """Wait until no chunk is pending. What gets lost meanwhile is sent again."""
        self._waiter.wait(self._resender.send_lost)
