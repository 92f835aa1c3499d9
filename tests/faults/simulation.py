"""A run whose producers, workers and broker are simulated step by step, over a real ledger, store and source.

What decides is real: the ledger, the store's transactions, reading again, and the recovery of lost chunks. What carries
and works is not, so that it can be stopped between any two steps: processes, and the broker that loses, repeats and
reorders. No test stands here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sqlalchemy import bindparam, select

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import RecordRange, Run
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.writer import store_chunk
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reading import read_again
from moodmill.producers.runs.recovery import Recovery, Snapshot
from moodmill.producers.runs.reopening import open_again
from tests.db.builders import ENGINE

#: Comments of a chunk.
CHUNK = 2
#: The ids of some comments that have a row of a model: looked up by the key, however many runs share the store.
_ROWS = select(comment_emotion.c.comment_id).where(
    comment_emotion.c.comment_id.in_(bindparam("ids", expanding=True)), comment_emotion.c.model == bindparam("model")
)


@dataclass(frozen=True, kw_only=True)
class Message:
    """A chunk under way."""

    number: int
    comments: tuple[Comment, ...]


@dataclass(kw_only=True)
class Broker:
    """What lies in Redis: nothing of it can be relied on."""

    queue: list[Message] = field(default_factory=list)
    #: Taken and not acknowledged, by tag.
    taken: dict[int, Message] = field(default_factory=dict)
    tags: int = 0

    def take(self, at: int) -> tuple[int, Message]:
        message = self.queue.pop(at % len(self.queue))
        self.tags += 1
        self.taken[self.tags] = message
        return self.tags, message

    def deliver_again(self, tag: int) -> None:
        message = self.taken.pop(tag, None)
        if message is not None:
            self.queue.append(message)


class Producer:
    """Feeds the run, as a Feeder does: one step is a range of records, written into the ledger and sent."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._recovery = Recovery()
        self._ranges: Iterator[tuple[int, RecordRange]] | None = None
        self._is_done = simulation.is_input_closed

    def read_on(self, *, sends: bool = True, twice: bool = False) -> bool:
        """Add the next range to the ledger and send it, or end the run; return whether there was anything to do.

        One that dies in between does not send; `twice` is a commit whose answer was lost.
        """
        if self._is_done:
            return False
        simulation = self._simulation
        ledger, run = simulation.ledger, simulation.begun
        (file,) = run.sources
        if self._ranges is None:
            first, start = ledger.next_chunk(run.id, file.number)
            options = RunOptions.from_json(run.options)
            ranges = cut_records(open_again(run, file).records(start), options.filters, start, options.chunk_comments)
            self._ranges = enumerate(ranges, first)
        number, found = next(self._ranges, (None, None))
        if number is None or found is None:
            ledger.end_source(run.id, file.number)
            ledger.close_input(run.id)
            self._is_done = simulation.is_input_closed = True
            return True
        for _ in range(2 if twice else 1):
            ledger.add_chunk(run.id, number, file.number, found)
        if found.comments and sends:
            simulation.broker.queue.append(Message(number=number, comments=tuple(found.comments)))
        return True

    def look(self) -> None:
        """Compare ledger and broker, and send again what is lost at two looks in a row."""
        look = self._simulation.look()
        self.send_again(self._recovery.lost(look), look)

    def resume(self) -> bool:
        """Send again what failed and what the broker does not have; return whether anything was unfinished."""
        simulation = self._simulation
        unfinished = {one.number for one in simulation.ledger.unfinished(simulation.run)}
        if unfinished:
            look = simulation.look()
            self.send_again(unfinished - (set(look.pending) - look.suspects), look)
        return bool(unfinished)

    def send_again(self, lost: set[int], look: Snapshot) -> None:
        if not lost:
            return
        simulation = self._simulation
        held = {number for number in lost if number in look.taken and number in look.pending}
        for number in held:
            for tag in look.taken[number]:
                simulation.broker.deliver_again(int(tag))
        run = simulation.begun
        (file,) = run.sources
        chunks = [one for one in simulation.ledger.unfinished(run.id) if one.number in lost - held]
        for chunk, comments in read_again(simulation.store, run, file, chunks):
            simulation.ledger.retry(run.id, chunk.number)
            simulation.broker.queue.append(Message(number=chunk.number, comments=tuple(comments)))


@dataclass(kw_only=True)
class Worker:
    """A process with one chunk in work at most."""

    name: str
    simulation: "Simulation"
    work: tuple[int, Message] | None = None

    def take(self, at: int) -> None:
        tag, message = self.simulation.broker.take(at)
        if self.simulation.ledger.begin(self.simulation.run, message.number, self.name, ENGINE) is None:
            self.simulation.broker.taken.pop(tag, None)
        else:
            self.work = tag, message

    def finish(self, *, acknowledges: bool = True, twice: bool = False) -> None:
        """Store what the model says. One that is cut off from the broker cannot acknowledge; see `read_on`."""
        if self.work is None:
            return
        tag, message = self.work
        for _ in range(2 if twice else 1):
            store_chunk(
                self.simulation.store, self.simulation.run, message.number, 0, self.simulation.classified(message)
            )
        self.work = None
        if acknowledges:
            self.simulation.broker.taken.pop(tag, None)

    def fail(self) -> None:
        """Note that the chunk cannot be classified."""
        if self.work is not None:
            tag, message = self.work
            self.simulation.ledger.fail(self.simulation.run, message.number, "the model raised")
            self.work = None
            self.simulation.broker.taken.pop(tag, None)


class Simulation:
    """A run over a dump, with what takes part in it."""

    def __init__(self, store: Store, dump: Path, like: Run | None = None) -> None:
        """`like` is an earlier run over the same dump: that is not looked into again, which takes longer than a run."""
        self.store = store
        self.ledger = Ledger(store)
        self.name = dump.name
        if like is None:
            self.run = open_run(store, [dump], RunOptions(chunk_comments=CHUNK))
        else:
            self.run = self.ledger.create_run(like.options, like.sources)
        #: The run as whoever feeds it has it.
        self.begun = self.ledger.run(self.run) if like is None else replace(like, id=self.run)
        #: Whether a producer read to the end; one that begins afterwards finds nothing to read.
        self.is_input_closed = False
        self.broker = Broker()
        self.producers = [Producer(self), Producer(self)]
        self.workers = [Worker(name="host:0", simulation=self), Worker(name="host:1", simulation=self)]
        self._names = len(self.workers)

    @property
    def status(self) -> RunStatus:
        return status(self.store, self.run)

    def rows(self, ids: Sequence[str]) -> list[str]:
        """Return which of these comments have a row of this run."""
        with self.store.reading() as connection:
            return sorted(connection.scalars(_ROWS, {"ids": ids, "model": self.run}))

    def busy(self, which: int) -> list[Worker]:
        """Return one of the workers that have a chunk in work, or none."""
        busy = [worker for worker in self.workers if worker.work is not None]
        return busy[which % len(busy) :][:1] if busy else []

    def new_producer(self) -> Producer:
        return Producer(self)

    def replace(self, worker: Worker) -> None:
        """A worker dies, and another is started."""
        self.workers[self.workers.index(worker)] = Worker(name=f"host:{self._names}", simulation=self)
        self._names += 1

    def look(self) -> Snapshot:
        taken: dict[int, list[str]] = {}
        for tag, message in self.broker.taken.items():
            taken.setdefault(message.number, []).append(str(tag))
        return Snapshot(
            pending=self.ledger.begun(self.run),
            queued={message.number for message in self.broker.queue},
            taken=taken,
            alive={worker.name for worker in self.workers},
        )

    def classified(self, message: Message) -> Classified:
        n = len(message.comments)
        return Classified(
            comments=message.comments,
            probabilities=np.full((n, len(EMOTIONS)), 0.5, dtype=np.float32),
            tokens=np.full(n, 3, dtype=np.int32),
            truncated=np.zeros(n, dtype=np.bool_),
            segments=np.ones(n, dtype=np.int32),
            unsupported=[None] * n,
            engine=ENGINE,
            model=self.run,  # so that runs over one dump have rows of their own
            source=self.name,
        )

    def end_well(self) -> None:
        """Let the run end with nothing more in its way, whatever was."""
        self.workers = [Worker(name="host:last", simulation=self)]
        producer = Producer(self)
        while producer.read_on():
            pass
        (worker,) = self.workers
        for _ in range(10):
            if not producer.resume():
                return
            while self.broker.queue:
                worker.take(0)
                worker.finish()
        raise AssertionError(f"chunks {self.ledger.unfinished(self.run)} are never done")
