"""Where a sweep takes place: a warm process, servers, a store, and a healthy worker that lives as long as it can."""

import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from moodmill.db.database.store import Store
from moodmill.db.lake.lake import prepare_store
from tests.faults.lakes import Lake, lake_settings
from tests.faults.points.struck import Plan
from tests.faults.points.warm import OF_COMMANDS, OF_WORKERS, Started, Warm
from tests.faults.scene import Database
from tests.faults.servers import Broker, Postgres
from tests.support import clean_environment

#: Seconds for a process to end, whatever struck it: a hang, and a chunk that has to be noticed as lost.
TIMEOUT_S: Final = 60.0


class Setup:
    """Starts processes of moodmill on one store and one broker."""

    def __init__(
        self, folder: Path, model: Path, broker: Broker, database_url: str, *warm: Warm, lake: str | None = None
    ) -> None:
        """`warm`: what starts commands, and what starts workers."""
        self.folder: Final = folder
        self.model: Final = model
        self.store: Final = Store(database_url)
        prepare_store(self.store, lake)
        self._broker = broker
        self._commands, self._workers = warm
        self.worker: Started | None = None
        self._logs = 0

    def moodmill(self, *arguments: str | Path, plan: Plan | None = None) -> Started:
        """Start a command; with a plan, one that a fault strikes."""
        return self._start(self._commands, plan, "moodmill.cli.main", *arguments)

    def start_worker(self, plan: Plan | None = None) -> Started:
        """Start a worker, which nobody watches over; with a plan, one that a fault strikes."""
        return self._start(self._workers, plan, "moodmill.worker", "moodmill.worker", "worker")

    def _start(self, warm: Warm, plan: Plan | None, *command: str | Path) -> Started:
        self._logs += 1
        log = self.folder / f"{self._logs}.log"
        module, *arguments = command if plan is None else ("tests.faults.points.struck", *command)
        return warm.start(str(module), *arguments, log=log, settings=plan.environment() if plan else {})

    def keep_worker(self) -> None:
        """Start a healthy worker where none lives, as whoever watches over workers does."""
        if self.worker is None or self.worker.poll() is not None:
            if self.worker is not None:  # its heartbeat is no heartbeat any more
                for key in self._broker.client.scan_iter(f"moodmill:worker:*:{self.worker.pid}:*"):
                    self._broker.client.delete(key)
            self.worker = self.start_worker()

    def stop_worker(self) -> None:
        """End the worker, where there is one."""
        if self.worker is not None:
            self.worker.end(signal.SIGTERM)
            self.worker.wait(TIMEOUT_S)
            self.worker = None

    def close(self) -> None:
        self.store.close()


@contextmanager
def setup(model: Path, database: Database, lake: Lake | None = None) -> Iterator[Setup]:
    """Servers of a sweep's own, and an empty store with its schema, and with a lake where one is asked for."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="moodmill-points-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user than root
        for name in ("valkey", "store", "spool"):
            (folder / name).mkdir()
        postgres = None
        if database == "postgresql":
            postgres = Postgres(folder / "store")
            stack.callback(postgres.stop)
        broker = Broker(folder / "valkey")
        stack.callback(broker.stop)
        url = postgres.url if postgres else f"sqlite:///{folder / 'store' / 'moodmill.db'}"
        settings = {
            "DATABASE_URL": url,
            "REDIS_URL": broker.url,
            "HF_MODEL_REPO": str(model),
            "OMP_NUM_THREADS": "1",
            "MOODMILL_CHUNK_COMMENTS": "3",
            "MOODMILL_CHUNKS_IN_FLIGHT": "2",  # so that it reads, sends and waits in turns
            "MOODMILL_LOOK_SECONDS": "0.5",
            "MOODMILL_STALL_SECONDS": "2",
            "MOODMILL_SPOOL": str(folder / "spool"),
            "MOODMILL_JOBS": str(folder / "jobs.toml"),
            "TABLES_URL": f"sqlite:///{folder / 'tables.db'}",
        }
        settings |= stack.enter_context(lake_settings(lake, folder))
        environment = clean_environment(**settings)
        warm = [stack.enter_context(Warm(environment, names)) for names in (OF_COMMANDS, OF_COMMANDS + OF_WORKERS)]
        made = Setup(folder, model, broker, url, *warm, lake=settings.get("MOODMILL_LAKE"))
        stack.callback(made.close)
        yield made
