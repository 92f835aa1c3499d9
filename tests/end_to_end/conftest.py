"""A fleet for many tests: one broker, one worker, one store, all started once, as they would be by somebody else."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.supervisor import local_worker
from tests.support import clean_environment, database_of, moodmill, moodmill_here


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What a producer needs to know: the settings. The store is an SQLite file, which tests look into."""

    settings: dict[str, str]
    file: Path

    def label(self, *arguments: str | Path, cwd: Path, stdin: bytes | None = None) -> "Labelled":
        """Run `moodmill label --json` against the fleet."""
        command = ("label", "--json", *arguments)
        if stdin is None:  # what is piped in wants a process of its own, which takes seconds to start
            done = moodmill_here(*command, cwd=cwd, settings=self.settings)
        else:
            done = moodmill(*command, cwd=cwd, settings=self.settings, stdin=stdin)
        return Labelled(
            status=done.returncode, said=done.stderr, summary=json.loads(done.stdout) if done.stdout else {}, fleet=self
        )

    def query(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection, connection:
            return connection.execute(sql, values).fetchall()


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """The outcome of one `moodmill label`."""

    #: Exit status.
    status: int
    #: Standard error.
    said: str
    #: The JSON of standard output.
    summary: dict[str, Any]
    fleet: Fleet

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Records read, classified, skipped, dead."""
        summary = self.summary
        return (summary["read"], summary["classified"], sum(summary["skipped"].values()), summary["dead"])

    @property
    def dead(self) -> list[tuple[Any, ...]]:
        """Position and error of each dead letter."""
        run = (self.summary["run"],)
        return self.fleet.query("select position, error from dead_letter where run_id = ? order by position", run)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one of the processes that share the tests run all that want the fleet, so that there is one."""
    for item in items:
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("fleet"))


@pytest.fixture(scope="package")
def fleet(redis_url: str, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    file = folder / "fleet.db"
    # A database of its own: its worker is not to take what other tests send.
    settings = {"REDIS_URL": database_of(redis_url, 2), "DATABASE_URL": f"sqlite:///{file}"}
    environment = clean_environment(**settings, HF_MODEL_REPO=str(tiny_model))
    with local_worker(environment, Broker(settings["REDIS_URL"]), finish=False):
        yield Fleet(settings=settings, file=file)
