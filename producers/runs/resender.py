"""Sends chunks again, from their sources: those that the broker has lost, and those that failed."""

import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import Final

from moodmill.db.core.errors import SourceError
from moodmill.db.ledger.entries import Chunk, SourceFile
from moodmill.producers.runs.reading import read_again
from moodmill.producers.runs.recovery import Recovery, Snapshot
from moodmill.producers.runs.session import RunSession
from moodmill.producers.runs.waiter import Waiter

logger = logging.getLogger(__name__)


class Resender:
    """Sends chunks of a session again, never more than a set number ahead of the workers."""

    def __init__(self, session: RunSession, waiter: Waiter) -> None:
        self._session: Final = session
        self._waiter: Final = waiter
        self._recovery: Final = Recovery()

    def send_unfinished(self) -> None:
        """Send the chunks that failed and those that the broker does not have.

        A chunk that it has nevertheless is classified twice and stored once. Raises SourceError when a file that was
        begun is gone, or has changed since.
        """
        snapshot = self._session.brokered(self._take_snapshot)
        unfinished = {chunk.number for chunk in self._unfinished()}
        unread = self._send(unfinished - (set(snapshot.pending) - snapshot.suspects), snapshot)
        if unread:
            raise SourceError(next(iter(unread.values())))

    def send_lost(self) -> None:
        """Send the chunks that are lost by now: to be called when no worker finishes a chunk for long."""
        session = self._session
        if session.why_unserved() is not None:
            return  # in the hands of workers that leave them, where they seem lost
        snapshot = session.brokered(self._take_snapshot)
        lost = self._recovery.lost(snapshot)
        if lost:
            logger.warning("%d chunks of run %s were lost on the way: they are sent again", len(lost), session.run.id)
            for number, error in self._send(lost, snapshot).items():
                # Nobody will finish it, so nobody waits for it; and what is left of the sources is read on.
                session.stored(partial(session.ledger.fail, session.run.id, number, error))

    def _send(self, lost: Collection[int], snapshot: Snapshot) -> dict[int, str]:
        """Take chunks out of the hands of dead workers; read and send again what the broker has lost altogether.

        Return why some cannot be read again, by number.
        """
        # Others that a worker has taken have failed.
        held = {number for number in lost if number in snapshot.taken and number in snapshot.pending}
        tags = [tag for number in held for tag in snapshot.taken[number]]
        self._session.brokered(lambda: self._session.broker.requeue(tags))
        return self._read_and_send(set(lost) - held)

    def _read_and_send(self, numbers: Collection[int]) -> dict[int, str]:
        unread: dict[int, str] = {}
        unsent = self._session.unsent
        lost = [chunk for chunk in self._unfinished() if chunk.number in numbers]
        unsent.update(chunk.number for chunk in lost)
        for file in self._session.run.sources:
            chunks = [chunk for chunk in lost if chunk.source_number == file.number]
            try:
                self._send_of(file, chunks)
            except SourceError as error:
                unread |= {chunk.number: str(error) for chunk in chunks if chunk.number in unsent}
        unsent -= set(unread)
        return unread

    def _send_of(self, file: SourceFile, chunks: Sequence[Chunk]) -> None:
        """Read chunks of one source again, and send them. Raises SourceError where it is not what it was."""
        session = self._session
        if file.number not in session.layouts and any(not chunk.replay for chunk in chunks):
            session.open(file)
        for again, comments in read_again(session.store, session.run, file, chunks):
            if session.stored(partial(session.ledger.retry, session.run.id, again.number)):
                session.sent += again.comments
            session.send(again.number, file, comments)
            session.unsent.discard(again.number)
            self._waiter.wait_for_room(self.send_lost)

    def _unfinished(self) -> list[Chunk]:
        return self._session.stored(lambda: self._session.ledger.unfinished(self._session.run.id))

    def _take_snapshot(self) -> Snapshot:
        session, run_id = self._session, self._session.run.id
        begun = session.stored(lambda: session.ledger.begun(run_id))
        pending = {number: worker for number, worker in begun.items() if number not in session.unsent}
        queue = session.broker.snapshot()
        return Snapshot(
            pending=pending,
            queued={number for run, number in queue.queued if run == run_id},
            taken={number: tags for (run, number), tags in queue.taken.items() if run == run_id},
            alive=session.broker.alive({worker for worker in pending.values() if worker}),
        )
