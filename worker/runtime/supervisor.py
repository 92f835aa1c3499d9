"""Keeps a worker process running: where one dies in work, another starts; where none can work, that is reported."""

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from moodmill.db.core.errors import BrokerError, WorkerError
from moodmill.worker.core.command import celery_command
from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.places import kept_to
from moodmill.worker.telemetry.logs import last_word_in

logger = logging.getLogger(__name__)

#: Exit statuses of a worker that cannot load, as sysexits.h numbers them: for want of a store, and for good.
UNAVAILABLE_STATUS: Final = 69
UNUSABLE_STATUS: Final = 78
#: Seconds a worker gets to finish the chunks in work, after which it is killed; they stay pending in the ledger.
STOP_TIMEOUT_S: Final = 60
#: Workers that may die in a row without that a chunk was finished. One chunk alone may cost two.
MAX_DEATHS: Final = 10
#: Seconds before another starts: after the first death, and at most.
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
#: Seconds between two looks at the worker.
LOOK_S: Final = 0.2


class Supervisor:
    """A worker process, replaced when it dies; in a session of its own, which a terminal's Ctrl-C does not reach."""

    def __init__(
        self,
        environment: Mapping[str, str],
        broker: Broker,
        *,
        log: Path | None = None,
        app: str = "moodmill.worker",
        node: str | None = None,
        name: str = "the worker",
        cores: frozenset[int] | None = None,
        count_done: Callable[[], int] = lambda: 0,
        on_death: Callable[[], None] = lambda: None,
        later_settings: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        """Start what `celery -A APP worker --hostname NODE` starts, with these settings added to the environment.

        `broker` is the one that the settings name, in which a worker that died is forgotten.
        `log` takes its output, which else goes where ours goes. `name` is what the worker is called where it dies,
        `cores` are the processors that it keeps to. `count_done` returns how many chunks are done: by it a worker that
        only dies is known from one that gets on; `on_death` is called before another starts, and `later_settings`
        returns what its settings are besides: what the one before may have left open.
        """
        self._environment = {**os.environ, **environment, "MOODMILL_EXIT_WITH_PARENT": "1"}
        self._broker = broker
        self._log = log
        self._app = app
        self._node = node
        self._name = name
        self._cores = cores
        self._count_done = count_done
        self._on_death = on_death
        self._later_settings = later_settings
        self._done = 0
        self._deaths = 0
        self._ever_died = False
        self._start_at: float | None = None
        self._told_to_stop = False
        self._process = self._start()

    @property
    def pid(self) -> int:
        """The process id of the worker that was started last."""
        return self._process.pid

    def check(self) -> None:
        """Start another worker where the last one died. Raises WorkerError with its last word when that is no use."""
        if self._start_at is not None:
            if time.monotonic() >= self._start_at:
                self._start_at = None
                self._environment |= self._later_settings()
                self._process = self._start()
            return
        status = self._process.poll()
        if status is not None:
            self._note_death(status)

    def stop(self, *, at_once: bool = False) -> None:
        """End the worker: let it finish the chunks it has, or kill it; these are pending in the ledger then."""
        self.signal(signal.SIGKILL if at_once else signal.SIGTERM)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def signal(self, number: int) -> None:
        """Hand a signal on to the worker, which is its last."""
        self._told_to_stop = True
        self._process.send_signal(number)

    def look(self) -> int | None:
        """Return the exit status of a worker that ended well, or after a signal; else do and raise as `check` does."""
        if self._told_to_stop and self._start_at is not None:  # nothing runs, and nothing shall
            return 0
        status = self._process.poll()
        if status == 0 or (status is not None and self._told_to_stop):
            return status if status >= 0 else 128 - status  # as shells say it
        self.check()
        return None

    def _start(self) -> "subprocess.Popen[bytes]":
        output = self._log.open("wb") if self._log else None
        try:
            with kept_to(self._cores):
                return subprocess.Popen(
                    celery_command(self._app, ["worker", *([self._node] if self._node else [])]),
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT if output else None,
                    start_new_session=True,
                    env=self._environment,
                )
        finally:
            if output:
                output.close()

    def _note_death(self, status: int) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        word = self._last_word(status)
        first = not self._ever_died
        if status in (0, UNUSABLE_STATUS) or (status == UNAVAILABLE_STATUS and first):
            raise WorkerError(f"{self._name} ended: {word}")
        done = self._count_done()
        self._deaths = 1 if done > self._done or first else self._deaths + 1
        self._done, self._ever_died = done, True
        if self._deaths > MAX_DEATHS:
            raise WorkerError(f"{self._deaths} workers in a row died and finished no chunk, the last one: {word}")
        try:
            # Else its chunks would count as in the hands of a living worker.
            self._broker.forget_process(self._process.pid)
        except BrokerError as error:
            logger.debug("the last heartbeat of the worker that died stays: %s", error)
        self._on_death()
        pause = min(FIRST_PAUSE_S * 2 ** (self._deaths - 1), LONGEST_PAUSE_S)
        logger.warning("%s died (%s); another one starts in %g s", self._name, word, pause)
        self._start_at = time.monotonic() + pause

    def _last_word(self, status: int) -> str:
        if status < 0:
            return signal.Signals(-status).name
        said = last_word_in(self._log.read_text(errors="replace")) if self._log else None
        return said or f"status {status}"


@contextmanager
def local_worker(
    environment: Mapping[str, str],
    broker: Broker,
    *,
    app: str = "moodmill.worker",
    finish: bool = True,
    count_done: Callable[[], int] = lambda: 0,
    on_death: Callable[[], None] = lambda: None,
    later_settings: Callable[[], Mapping[str, str]] = dict,
) -> Iterator[Supervisor]:
    """Run a worker as long as the context lasts, or until this process dies; its log is kept as long.

    With `finish`, it finishes the chunks in work before it ends: a broker that others use needs that.
    """
    with tempfile.TemporaryDirectory(prefix="moodmill-worker-") as folder:
        log = Path(folder) / "worker.log"
        worker = Supervisor(
            environment,
            broker,
            log=log,
            app=app,
            count_done=count_done,
            on_death=on_death,
            later_settings=later_settings,
        )
        try:
            yield worker
        finally:
            worker.stop(at_once=not finish)
