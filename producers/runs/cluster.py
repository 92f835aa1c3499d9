"""Where a run's chunks go and who classifies them: a broker and workers of others, or some of the run's own."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Final

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import StoreError
from moodmill.db.core.settings import StoreSettings, read_settings, to_environment
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Run
from moodmill.db.ledger.ledger import Ledger, count_done
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.worker.core.device import check_device
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.embedded import EmbeddedBroker, starting_broker
from moodmill.worker.runtime.supervisor import local_worker

logger = logging.getLogger(__name__)

#: Raises when a part of ours that a run needs is gone for good; brings back what can be.
Check = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how runs are worked on. With no broker named: an embedded one and a worker, for each run."""

    worker: WorkerSettings
    producer: ProducerSettings
    #: Start a worker for a run although a broker is named, which others may work for too.
    with_worker: bool = False
    #: Wait for the workers, or leave once everything is in the queue.
    wait: bool = True

    @classmethod
    def from_settings(cls, *, with_worker: bool = False, wait: bool = True) -> "Runtime":
        """Return what the environment and `.env` say. Raises SettingError."""
        worker, producer = read_settings(WorkerSettings), read_settings(ProducerSettings)
        return cls(worker=worker, producer=producer, with_worker=with_worker, wait=wait)

    @property
    def starts_worker(self) -> bool:
        return self.with_worker or self.worker.redis_url is None

    @contextmanager
    def open(self) -> Iterator["Cluster"]:
        """Reach the broker, or start one, as long as the context lasts: who uses that calls `await_broker` first.

        Raises BrokerError, and SettingError where a worker is to start and has no such device.
        """
        if self.starts_worker:
            check_device(self.worker.moodmill_device)
        with ExitStack() as stack:
            embedded = None
            if self.worker.redis_url is None:
                embedded = stack.enter_context(starting_broker())
            broker = Broker(embedded.url if embedded else str(self.worker.redis_url))
            stack.enter_context(closing(broker))
            if embedded is None:
                broker.check()
            yield Cluster(self, broker, embedded, stack)


class Cluster:
    """A broker, and a worker where that is ours to start: both of them start at once, one beside the other."""

    def __init__(self, runtime: Runtime, broker: Broker, embedded: EmbeddedBroker | None, stack: ExitStack) -> None:
        """`stack` ends what is started."""
        self.broker: Final = broker
        self._runtime: Final = runtime
        self._embedded: Final = embedded
        self._worker: Final = stack.enter_context(ExitStack())
        self._environment: dict[str, str] = {}
        #: The run that the worker is for, once there is one.
        self._run_id: str | None = None
        self._check: Check = lambda: None
        self._awaits_broker = embedded is not None

    def await_broker(self) -> None:
        """Wait until a broker of our own answers. Raises BrokerError when it does not start."""
        if self._embedded and self._awaits_broker:
            self.broker.load()  # which takes as long as the server does
            self._embedded.await_ready()
            self._awaits_broker = False

    def start_worker(self, store: Store, options: RunOptions, run: Run | None = None) -> Check:
        """Have a worker for a run with these options, where others do not work; return what looks after it.

        Before there is a run, it is for the one that is to come. Where the run has an engine, it is the worker's,
        whatever the settings say.
        """
        if not self._runtime.starts_worker:
            return lambda: None
        self._run_id = run.id if run else None
        environment = self._environment_of(store, options) | _engine_settings(run.engine if run else None)
        if environment != self._environment:  # else that of another run goes on
            logger.info(
                "starting a worker with the model %s on the device %s",
                options.model_repo,
                self._runtime.worker.moodmill_device,
            )
            self._worker.close()
            self._check = self._worker.enter_context(self._started(environment, store))
            self._environment = environment
        return self._check

    def _environment_of(self, store: Store, options: RunOptions) -> dict[str, str]:
        worker = {
            "redis_url": self._embedded.url if self._embedded else self._runtime.worker.redis_url,
            "hf_model_repo": options.model_repo,
            "hf_model_revision": options.model_revision,
            "moodmill_labels": options.model_labels,
            # What the run was given to its end, or else what the settings say now.
            "moodmill_precision": self._runtime.worker.moodmill_precision
            if options.precision == "auto"
            else options.precision,
            "moodmill_metrics": None,  # the address is ours, and two cannot share it
        }
        database_url = store.url.render_as_string(hide_password=False)
        return to_environment(
            self._runtime.worker.model_copy(update=worker), StoreSettings.model_construct(database_url=database_url)
        )

    @contextmanager
    def _started(self, environment: Mapping[str, str], store: Store) -> Iterator[Check]:
        # Chunks that a killed worker took stay hidden in a broker that others use: let it finish or give them
        # back. An embedded one ends with the run, and whether that is done is in the ledger.
        embedded = self._embedded
        with local_worker(
            environment,
            self.broker,
            finish=embedded is None,
            count_done=lambda: count_done(store),
            on_death=self.broker.requeue if embedded else lambda: None,
            later_settings=lambda: _engine_settings(_engine_of(store, self._run_id)),
        ) as worker:

            def check() -> None:
                if embedded:
                    embedded.check()
                worker.check()

            yield check


def _engine_of(store: Store, run_id: str | None) -> Engine | None:
    """Return the engine that a run has by now; None while the store cannot be reached."""
    try:
        return None if run_id is None else Ledger(store).engine(run_id)
    except StoreError:
        return None


def _engine_settings(engine: Engine | None) -> dict[str, str]:
    """Return the settings by which a worker has an engine, and no other."""
    return {} if engine is None else {"MOODMILL_ENGINE": engine.name, "MOODMILL_PRECISION": engine.precision}
