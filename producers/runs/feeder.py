"""Reads a run's sources, chunk by chunk, into the ledger and the queue."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from moodmill.db.core.errors import SourceError
from moodmill.db.core.note_kinds import NOTHING_PASSED
from moodmill.db.ledger.entries import Note, RecordRange, SourceFile
from moodmill.producers.runs import metrics
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.runs.deadshare import DeadShare
from moodmill.producers.runs.filtered_names import FilteredNames
from moodmill.producers.runs.reopening import check_unchanged
from moodmill.producers.runs.session import RunSession
from moodmill.producers.runs.waiter import Waiter
from moodmill.producers.sources.record import Source

logger = logging.getLogger(__name__)


class Feeder:
    """Reads the sources of a session and sends its chunks, never more than a set number ahead of the workers."""

    def __init__(
        self, session: RunSession, waiter: Waiter, when_idle: Callable[[], None], max_dead: float | None = None
    ) -> None:
        """`max_dead` stands for the share of dead records that the run's options allow a source."""
        self._session: Final = session
        self._waiter: Final = waiter
        self._when_idle: Final = when_idle
        self._max_dead: Final = session.options.max_dead if max_dead is None else max_dead
        self._names: Final = FilteredNames(session.options.filters)

    def feed(self) -> None:
        """Read what is not read yet, and send it. A source that breaks off is noted in the ledger; the next goes on.

        Raises SourceError when a file that was begun is gone, or has changed since.
        """
        session, ledger, run_id = self._session, self._session.ledger, self._session.run.id
        for file in session.run.sources:
            if not file.ended and self._left() == 0:
                session.stored(partial(ledger.end_source, run_id, file.number))
            elif not file.ended:
                try:
                    opened = session.open(file)
                except SourceError as error:
                    if file.error is None:
                        raise
                    session.stored(partial(ledger.end_source, run_id, file.number, str(error)))
                else:
                    self._feed_source(file, opened)
        if self._names.n and session.stored(lambda: ledger.comments(run_id)) == 0:
            note = Note(n=self._names.n, example=self._names.describe())
            session.stored(lambda: ledger.add_note(run_id, NOTHING_PASSED, note))
        session.stored(lambda: ledger.close_input(run_id))

    def _feed_source(self, file: SourceFile, opened: Source) -> None:
        session, run_id = self._session, self._session.run.id
        self._waiter.begin(file, opened)
        first, start = session.stored(lambda: session.ledger.next_chunk(run_id, file.number))
        logger.info(
            "run %s: reading %s from record %d on, as %s",
            run_id,
            file.name,
            start + 1,
            session.layouts[file.number].describe(),
        )
        error: str | None = None
        try:
            options = session.options
            records = opened.records(start)
            ranges = cut_records(records, options.filters, start, options.chunk_comments, self._names, self._left())
            share = self._dead_share(file)
            share.check(file.name, run_id)
            for number, found in enumerate(ranges, first):
                self._add(number, file, found)
                share.add(found.records, len(found.dead))
                share.check(file.name, run_id)
            check_unchanged(session.run, file)
        except SourceError as raised:
            error = str(raised)
        session.stored(lambda: session.ledger.end_source(run_id, file.number, error))
        logger.info("run %s: read %s, %s", run_id, file.name, error or "to its end")
        self._waiter.end(file)

    def _left(self) -> int | None:
        """Return how many comments may still be labelled; None of a run without a limit."""
        session = self._session
        if session.options.limit is None:
            return None
        return max(session.options.limit - session.stored(lambda: session.ledger.comments(session.run.id)), 0)

    def _dead_share(self, file: SourceFile) -> DeadShare:
        session = self._session
        records, dead = session.stored(lambda: session.ledger.read_of(session.run.id, file.number))
        return DeadShare(records=records, dead=dead, most=self._max_dead)

    def _add(self, number: int, file: SourceFile, found: RecordRange) -> None:
        """Write a range of records into the ledger, then send its comments: what is sent is always in the ledger."""
        session = self._session
        session.stored(
            lambda: session.ledger.add_chunk(session.run.id, number, file.number, found, self._waiter.bytes_read())
        )
        metrics.READ.inc(found.records)
        metrics.DEAD_LETTERS.inc(len(found.dead))
        for reason, n in found.skipped.items():
            metrics.SKIPPED.labels(reason).inc(n)
        session.records += found.records
        if found.comments:
            self._names.stop()
            session.sent += len(found.comments)
            session.send(number, file, found.comments)
        self._waiter.wait_for_room(self._when_idle)
