"""A run whose producers, workers and broker are simulated step by step, over a real ledger, store and source.

What decides is real: the ledger, the store's transactions, reading again, and the recovery of lost chunks. What carries
and works is not, so that it can be stopped between any two steps: processes, and the broker that loses, repeats and
reorders. No test stands here.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import select

from db.classified import Classified
from db.comment import Comment
from db.emotions import EMOTIONS
from db.entries import Chunk
from db.ledger import Ledger
from db.reads import RunStatus, status
from db.results import store_chunk
from db.schema import comment_emotion
from db.store import Store
from producers.chunks import RecordRange, cut_records
from producers.opening import open_run
from producers.options import RunOptions
from producers.reading import read_again
from producers.recovery import Look, Recovery
from producers.reopening import open_again

#: Comments of a chunk.
CHUNK = 2


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

    def read_on(self, *, sends: bool = True, twice: bool = False) -> None:
        """Add the next range to the ledger and send it. One that dies in between does not send; `twice` is a commit
        whose answer was lost."""
        simulation = self._simulation
        ledger, run = simulation.ledger, simulation.begun
        (file,) = run.sources
        if self._ranges is None:
            first, start = ledger.next_chunk(run.id, file.number)
            options = RunOptions.from_json(run.options)
            ranges = cut_records(open_again(run, file).records(start), options.filters, start, options.chunk_comments)
            self._ranges = enumerate(ranges, first)
        number, found = next(self._ranges, (None, None))
        for _ in range(2 if twice else 1):
            if number is None or found is None:
                ledger.end_source(run.id, file.number)
                ledger.seal(run.id)
            else:
                comments = len(found.comments)
                added = Chunk(
                    number=number,
                    source_number=file.number,
                    first=found.first,
                    stop=found.stop,
                    records=found.records,
                    comments=comments,
                )
                ledger.add_chunk(run.id, added, found.cut)
        if number is not None and found is not None and found.comments and sends:
            simulation.broker.queue.append(Message(number=number, comments=tuple(found.comments)))

    def look(self) -> None:
        """Compare ledger and broker, and send again what is lost at two looks in a row."""
        look = self._simulation.look()
        self.send_again(self._recovery.lost(look), look)

    def resume(self) -> None:
        """Send again what failed and what the broker does not have."""
        simulation, look = self._simulation, self._simulation.look()
        unfinished = {one.number for one in simulation.ledger.unfinished(simulation.run)}
        self.send_again(unfinished - (set(look.pending) - look.suspects), look)

    def send_again(self, lost: set[int], look: Look) -> None:
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
        if self.simulation.ledger.begin(self.simulation.run, message.number, self.name) is None:
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
    """A run over a dump of `dump`, with what takes part in it."""

    def __init__(self, store: Store, dump: Path) -> None:
        self.store = store
        self.ledger = Ledger(store)
        self.name = dump.name
        self.run = open_run(store, [dump], RunOptions(chunk_comments=CHUNK))
        #: The run as whoever feeds it has it.
        self.begun = self.ledger.run(self.run)
        self.broker = Broker()
        self.producers = [Producer(self), Producer(self)]
        self.workers = [Worker(name="host:0", simulation=self), Worker(name="host:1", simulation=self)]
        self._names = len(self.workers)

    @property
    def status(self) -> RunStatus:
        return status(self.store, self.run)

    @property
    def rows(self) -> list[str]:
        """The ids of the result rows."""
        mine = select(comment_emotion.c.comment_id).where(comment_emotion.c.source == self.name)
        with self.store.reading() as connection:
            return sorted(connection.scalars(mine))

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

    def look(self) -> Look:
        taken: dict[int, list[str]] = {}
        for tag, message in self.broker.taken.items():
            taken.setdefault(message.number, []).append(str(tag))
        return Look(
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
            model="m",
            source=self.name,
        )

    def end_well(self) -> None:
        """Let the run end with nothing more in its way, whatever was."""
        self.workers = [Worker(name="host:last", simulation=self)]
        producer = Producer(self)
        while not self.ledger.run(self.run).sealed:
            producer.read_on()
        (worker,) = self.workers
        for _ in range(10):
            producer.resume()
            while self.broker.queue:
                worker.take(0)
                worker.finish()
            if not self.ledger.unfinished(self.run):
                return
        raise AssertionError(f"chunks {self.ledger.unfinished(self.run)} are never done")
