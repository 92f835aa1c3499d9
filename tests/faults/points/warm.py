"""A warm process: it has imported all modules, and forks a process for each command that it is asked to start.

Thousands of commands are started by a sweep, and their imports would be most of its time. Modules of ours that read
settings when they are imported read those of the warm process, which each command has as well. `Warm` talks to
`python -m tests.faults.points.warm`, a JSON line for each question and each answer.
"""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Self

#: What commands spend their start on.
OF_COMMANDS: Final = (
    "alembic.command", "alembic.config", "alembic.migration", "alembic.runtime.environment", "alembic.script",
    "celery.app.amqp", "celery.app.base", "celery.app.events", "celery.app.routes", "celery.backends.base",
    "celery.bin.celery", "celery.fixups.django", "click", "dotenv", "duckdb", "encodings.idna", "kombu.mixins",
    "kombu.transport.redis", "msgspec", "numpy", "pandas", "platformdirs", "prometheus_client", "psycopg",
    "pyarrow", "pyarrow.compute", "pyarrow.csv", "pyarrow.parquet", "pydantic_settings", "redis", "rich.console",
    "rich.progress", "rich.table", "sqlalchemy", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite",
    "sqlalchemy.orm", "sqlite3",
    "moodmill.cli.commands.dead", "moodmill.cli.commands.export", "moodmill.cli.commands.label",
    "moodmill.cli.commands.run", "moodmill.cli.commands.schedule",
    "moodmill.cli.commands.lake", "moodmill.db.analytics.export", "moodmill.db.lake.garbage",
    "moodmill.db.lake.writer", "moodmill.db.ledger.jobs", "moodmill.db.ledger.dead_letters",
    "moodmill.producers.runs.labelling", "moodmill.producers.schedule.incremental",
    "moodmill.producers.schedule.job_runner", "moodmill.worker.queue.health",
)  # fmt: skip
#: What workers do, besides.
OF_WORKERS: Final = (
    "celery.apps.worker", "celery.bin.worker", "celery.concurrency.thread", "celery.worker.consumer",
    "celery.worker.worker", "tokenizers", "moodmill.worker.inference.openvino_model",
    "moodmill.worker.runtime.task",
)  # fmt: skip
#: Seconds for a warm process to end when it is asked for nothing more.
END_S: Final = 60.0


class Started:
    """A process that a warm one has forked."""

    def __init__(self, warm: "Warm", pid: int, log: Path) -> None:
        self._warm = warm
        self._status: int | None = None
        self.pid: Final = pid
        self.log: Final = log

    def poll(self) -> int | None:
        """Return its exit status, the negative number of the signal that ended it, or None while it runs."""
        if self._status is None:
            self._status = self._warm.ask({"poll": self.pid})
        return self._status

    def wait(self, timeout_s: float) -> int:
        """Return its exit status. Raises TimeoutError where it still runs after so many seconds."""
        deadline = time.monotonic() + timeout_s
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} still runs after {timeout_s:g} s: {self.said()}")
            time.sleep(0.02)
        return status

    def end(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, unless it is known to have ended; one that was not asked for has its number still."""
        if self._status is None:
            os.kill(self.pid, number)

    def said(self) -> str:
        return self.log.read_text(errors="replace")


class Warm:
    """Starts commands within milliseconds. Use as a context manager: at its end, what it started is killed."""

    def __init__(self, environment: Mapping[str, str], libraries: Sequence[str] = OF_COMMANDS) -> None:
        self._environment = dict(environment)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *libraries],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._started: list[Started] = []

    def start(
        self,
        module: str,
        *arguments: str | Path,
        log: Path,
        settings: Mapping[str, str] | None = None,
    ) -> Started:
        """Start what `python -P -m MODULE ARGUMENTS` starts, with these settings too; what it says is in `log`."""
        log.touch()
        asked = {
            "module": module,
            "arguments": [*map(str, arguments)],
            "environment": {**self._environment, **(settings or {})},
            "log": str(log),
        }
        started = Started(self, self.ask(asked), log)
        self._started.append(started)
        return started

    def ask(self, question: Mapping[str, Any]) -> Any:
        """Return the answer of the warm process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._started:
            one.end()
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process.stdout.close()


def main() -> None:
    """Answer questions until there are no more."""
    for name in sys.argv[1:]:
        import_module(name)
    gc.freeze()  # or each process would copy all that is there, to find that nothing of it is garbage
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    for line in sys.stdin:
        question = json.loads(line)
        answer = _ended(question["poll"]) if "poll" in question else _fork(question)
        print(json.dumps(answer), file=answers, flush=True)


def _ended(pid: int) -> int | None:
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def _fork(question: Mapping[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    for path, flags, descriptor in (
        (os.devnull, os.O_RDONLY, 0),
        (question["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 1),
    ):
        os.dup2(os.open(path, flags, 0o600), descriptor)
    os.dup2(1, 2)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(question["environment"])
    sys.argv = [question["module"], *question["arguments"]]
    try:
        runpy.run_module(question["module"], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
