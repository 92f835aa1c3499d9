"""A worker process that lives as long as one run on this machine."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from db.errors import WorkerError
from worker.celery_app import worker_arguments

#: Seconds a worker gets to finish the chunks in work, after which it is killed; they stay pending in the ledger.
STOP_TIMEOUT_S: Final = 60


class LocalWorker:
    """A worker in a process group of its own, so that Ctrl-C in a terminal does not reach it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        """Start `celery -A worker worker` with these settings added to the environment."""
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "worker", *worker_arguments()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment, "MOODMILL_EXIT_WITH_PARENT": "1"},
            )

    def check(self) -> None:
        """Raise an error with the worker's last word when it is gone."""
        status = self._process.poll()
        if status is None:
            return
        lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        if said:
            raise WorkerError(f"the worker ended: {said[-1]}")
        raise WorkerError(f"the worker ended with status {status}: {lines[-1] if lines else 'it said nothing'}")

    def stop(self, *, at_once: bool = False) -> None:
        """End the worker: let it finish the chunks it has, or kill it; these are pending in the ledger then."""
        if at_once:
            self._process.kill()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()


@contextmanager
def local_worker(environment: Mapping[str, str], *, patient: bool = True) -> Iterator[LocalWorker]:
    """Run a worker as long as the context lasts, or until this process dies.

    A `patient` end lets it finish the chunks that it has in work, as a broker needs it that others use too.
    """
    with tempfile.TemporaryDirectory(prefix="moodmill-worker-") as folder:
        worker = LocalWorker(environment, Path(folder) / "worker.log")
        try:
            yield worker
        finally:
            worker.stop(at_once=not patient)
