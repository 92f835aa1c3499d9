"""What a process does while a fault strikes it, what an operator does afterwards, and what must have become of it."""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import func, select, text

from moodmill.db.analytics.reads import status
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion, lake_file, run, source
from moodmill.db.lake.contents import contents
from moodmill.db.lake.lake import Lake, lake_of
from moodmill.db.lake.manifest import LakeFile, files_there
from moodmill.db.lake.merging import merge
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import DeadLetter, RecordRange
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.row_reader import row_reader
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from tests.db.builders import Made, classified
from tests.faults.points.setup import Setup
from tests.faults.simulation import Simulation
from tests.worker.builders import plain_probabilities

#: Of a small run: chunks of three comments, two records that are passed over, and one that cannot be read.
TEXTS: Final = [f"this is {n} of {'so much of the ' * (n % 4)}" for n in range(8)]
GONE: Final = ("[deleted]", "[removed]")
BROKEN: Final = "no json\n"


class Scenario(ABC):
    """One thing that a process does, again and again, each time with records of its own."""

    #: What is struck: "producer", "worker", …
    name: str
    #: Whether the fault strikes the worker, and not the command.
    strikes_worker = False

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.number = 0

    def begin(self) -> Sequence[str | Path]:
        """Prepare what the command needs; return its arguments."""
        self.number += 1
        return self._begin()

    @property
    def source(self) -> str:
        """The name of the source whose run is worked on."""
        return f"{type(self).__name__}-{self.number}"

    @abstractmethod
    def _begin(self) -> Sequence[str | Path]: ...

    @abstractmethod
    def again(self) -> Sequence[str | Path] | None:
        """Return what an operator does where something is left to do; None where nothing is."""

    @abstractmethod
    def check(self) -> None:
        """Raise AssertionError unless all records have one end, and the right one."""

    def runs(self) -> list[str]:
        """The ids of the runs of this time's source."""
        of_source = select(run.c.id).join(source).where(source.c.name == self.source).order_by(run.c.created_at)
        with self._setup.store.reading() as connection:
            return list(connection.scalars(of_source))

    def _id(self, n: int) -> str:
        return f"{self.source}-{n}"

    def _write_dump(self) -> Path:
        file = self._setup.folder / self.source
        lines = [json.dumps({"id": self._id(n), "body": one}) + "\n" for n, one in enumerate((*TEXTS, *GONE))]
        file.write_text("".join([*lines[:4], BROKEN, *lines[4:]]))
        return file

    def _check_rows(self) -> None:
        mine = select(comment_emotion).where(comment_emotion.c.comment_id.startswith(f"{self.source}-"))
        with self._setup.store.reading() as connection, row_reader(connection) as reader:
            listed = [row._asdict() for row in reader.execute(mine)]
        rows = {row["comment_id"]: row for row in listed}
        assert len(rows) == len(listed)
        assert sorted(rows) == [self._id(n) for n in range(len(TEXTS))]
        found = np.array([[rows[self._id(n)][name] for name in EMOTIONS] for n in range(len(TEXTS))], dtype=np.float32)
        np.testing.assert_allclose(found, _probabilities(self._setup.model), atol=1e-3, rtol=0)

    def _only_run(self) -> str:
        runs = self.runs()
        assert len(runs) == 1, runs
        return runs[0]

    def _check_run(self, mine: str, *, skipped: int, dead: Sequence[int]) -> None:
        found = status(self._setup.store, mine)
        assert found.finished, found
        assert found.adds_up, found
        assert (found.read, found.classified) == (len(TEXTS) + skipped + len(dead), len(TEXTS)), found
        assert sum(found.skipped.values()) == skipped, found
        assert [letter.position for letter in dead_letters(self._setup.store, mine)] == dead
        self._check_rows()


@lru_cache(maxsize=4)
def _probabilities(model: Path) -> NDArray[np.float32]:
    return plain_probabilities(model, TEXTS)


class Label(Scenario):
    """`moodmill label`, struck as the producer."""

    name = "producer"

    def _begin(self) -> Sequence[str | Path]:
        return ["label", self._write_dump()]

    def again(self) -> Sequence[str | Path] | None:
        runs = self.runs()
        if not runs:
            return ["label", self._setup.folder / self.source]
        found = status(self._setup.store, runs[0])
        return None if found.finished and not found.source_errors else ["run", "resume", runs[0]]

    def check(self) -> None:
        self._check_run(self._only_run(), skipped=len(GONE), dead=[4])


class Work(Label):
    """The same, struck in the worker."""

    name = "worker"
    strikes_worker = True


class Resume(Label):
    """`run resume` of a run with a chunk of a dead worker, one that failed, one that is lost, and more to read."""

    name = "resume"

    def _begin(self) -> Sequence[str | Path]:
        half = Simulation(self._setup.store, self._write_dump())
        producer, (dead, failing) = half.producers[0], half.workers
        producer.read_on()
        dead.take(0)
        producer.read_on()
        failing.take(0)
        failing.fail()
        producer.read_on(sends=False)
        return ["run", "resume", half.run]


class Replay(Scenario):
    """`moodmill dead replay` of comments that could not be classified, and of records that can be read now."""

    name = "replay"

    def _begin(self) -> Sequence[str | Path]:
        file = self._setup.folder / self.source
        file.write_text(json.dumps({"id": self._id(0), "body": TEXTS[0]}) + "\n")
        mine = open_run(self._setup.store, [file], RunOptions())
        comments = [Comment(id=self._id(n), text=one, position=n) for n, one in enumerate(TEXTS)]
        letters = [
            DeadLetter(
                position=n, stage="classify", error="RuntimeError: no", payload=msgspec.json.encode(one).decode()
            )
            if n % 2
            else DeadLetter(position=n, stage="read", error="no", payload=json.dumps({"id": one.id, "body": one.text}))
            for n, one in enumerate(comments)
        ]
        ledger = Ledger(self._setup.store)
        size = len(letters)
        ledger.add_chunk(mine, 0, 0, RecordRange(first=0, stop=size, records=size, dead=letters))
        ledger.end_source(mine, 0)
        ledger.close_input(mine)
        return ["dead", "replay", "--run", mine]

    def again(self) -> Sequence[str | Path] | None:
        (mine,) = self.runs()
        if not status(self._setup.store, mine).finished:
            return ["run", "resume", mine]
        return ["dead", "replay", "--run", mine] if dead_letters(self._setup.store, mine) else None

    def check(self) -> None:
        self._check_run(self._only_run(), skipped=0, dead=[])


class NightlyJob(Scenario):
    """`moodmill schedule run` of a job that reads a table."""

    name = "nightly job"

    def _begin(self) -> Sequence[str | Path]:
        rows = [(n, self._id(n), one) for n, one in enumerate((*TEXTS, *GONE))]
        with sqlite3.connect(self._setup.folder / "tables.db") as tables:
            tables.execute(f'create table "{self.source}" (key integer primary key, id text, body text)')
            tables.executemany(f'insert into "{self.source}" values (?, ?, ?)', rows)
        tables.close()
        (self._setup.folder / "jobs.toml").write_text(
            f'[{self.source}]\ncron = "0 3 * * *"\ntable = "{self.source}"\nkey = "key"\n'
            'database_url_env = "TABLES_URL"\n'
        )
        return ["schedule", "run", self.source]

    def again(self) -> Sequence[str | Path] | None:
        left = text(
            "select 1 from job_run where job = :job and (state = 'running' or state in ('failed', 'stopped', 'lost') "
            "and id = (select max(id) from job_run where job = :job))"
        )
        passes = text("update job_run set alive_at = '2020-01-01 00:00:00' where job = :job and state = 'running'")
        with self._setup.store.writing() as connection:
            is_left = connection.execute(left, {"job": self.source}).first() is not None
            connection.execute(passes, {"job": self.source})  # two minutes pass
        return ["schedule", "run", self.source] if is_left or not self.runs() else None

    def check(self) -> None:
        runs = self.runs()
        assert runs, "no run was opened"
        for given_up in runs[:-1]:  # what was kept of the table could not be read: its rows are, once more
            found = status(self._setup.store, given_up)
            assert found.finished, found
            assert found.adds_up, found
            assert found.source_errors, found
        self._check_run(runs[-1], skipped=len(GONE), dead=[])
        assert not any((self._setup.folder / "spool").glob("*/*")), "what was kept of the table is needed no more"


class Export(Scenario):
    """`moodmill export` of rows that are there."""

    name = "export"

    def _begin(self) -> Sequence[str | Path]:
        if self.number == 1:
            self._setup.keep_worker()
            labelled = self._setup.moodmill("label", self._write_dump())
            assert labelled.wait(60) == 1, labelled.said()
            self._rows = self._stored()
        return ["export", self._file]

    @property
    def source(self) -> str:
        return "Export-1"

    @property
    def _file(self) -> Path:
        return self._setup.folder / f"out-{self.number}.parquet"

    def _stored(self) -> list[str]:
        with self._setup.store.reading() as connection, row_reader(connection) as reader:
            return sorted(row[0] for row in reader.execute(select(comment_emotion.c.comment_id)))

    def again(self) -> Sequence[str | Path] | None:
        return None if self._file.exists() else ["export", self._file]

    def check(self) -> None:
        assert sorted(pq.read_table(self._file)["comment_id"].to_pylist()) == self._rows


class Merge(Scenario):
    """`moodmill lake merge` of files of several transactions, in which comments come again."""

    name = "merge"

    def _begin(self) -> Sequence[str | Path]:
        made = Made(self._setup.store, [self.source])
        comments = [Comment(id=self._id(n), text=one, position=n) for n, one in enumerate(TEXTS)]
        said = _probabilities(self._setup.model)
        for first in (0, 3, 4):
            some = classified(comments[first : first + 4], said[first : first + 4], source=self.source)
            assert made.store_chunk(made.add(len(some.comments)).number, some)
        made.ledger.close_input(made.id)
        return ["lake", "merge"]

    def again(self) -> Sequence[str | Path] | None:
        return ["lake", "merge"] if any(not file.merged for file in self._files()) else None

    def check(self) -> None:
        self._check_rows()
        every = select(func.count()).select_from(comment_emotion)
        mine = every.where(comment_emotion.c.comment_id.startswith(f"{type(self).__name__}-"))
        with self._setup.store.reading() as connection, row_reader(connection) as reader:
            assert reader.scalar(mine) == self.number * len(TEXTS)
            assert reader.scalar(every) == sum(file.rows for file in self._files())

    def _files(self) -> list[LakeFile]:
        with self._setup.store.reading() as connection:
            return files_there(connection)


class Collect(Merge):
    """`moodmill lake collect` of files that were merged away."""

    name = "collect"

    def _begin(self) -> Sequence[str | Path]:
        super()._begin()
        merge(self._lake)
        removed = select(lake_file.c.name).where(lake_file.c.removed_at.is_not(None))
        with self._setup.store.reading() as connection:
            self._removed = set(connection.scalars(removed))
        return ["lake", "collect", "--grace-hours", "0"]

    @property
    def _lake(self) -> Lake:
        found = lake_of(self._setup.store)
        assert found is not None
        return found

    def again(self) -> Sequence[str | Path] | None:
        left = contents(self._lake).removed_files
        return ["lake", "collect", "--grace-hours", "0"] if left else None

    def check(self) -> None:
        super().check()
        there = {file.name for file in self._lake.folder.files("")}
        # What a process left that was killed before is nobody's, and stays for a day.
        assert there.isdisjoint(self._removed)
        assert there >= {file.name for file in self._files()}


SCENARIOS: Final[tuple[type[Scenario], ...]] = (Label, Work, Resume, Replay, NightlyJob, Export)
#: Those that are of a lake alone, or that use one otherwise than a table.
OF_LAKES: Final[tuple[type[Scenario], ...]] = (Label, Work, Export, Merge, Collect)
