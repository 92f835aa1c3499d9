"""Chunks that have to be sent once more, read from their sources again."""

from collections.abc import Iterator, Sequence

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Chunk, Run, SourceFile
from moodmill.producers.runs.chunks import RangeBuilder
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reopening import open_again
from moodmill.producers.runs.replay import letters_in_replay
from moodmill.producers.sources.record import Record


def read_again(
    store: Store, run: Run, file: SourceFile, chunks: Sequence[Chunk]
) -> Iterator[tuple[Chunk, list[Comment]]]:
    """Yield chunks of one source, by number, each with its comments. Raises as `open_again`."""
    for replay in (one for one in chunks if one.replay):
        yield replay, letters_in_replay(store, run, replay)
    ranges = [one for one in chunks if not one.replay]
    if not ranges:
        return
    filters = RunOptions.from_json(run.options).filters
    records = _readable(open_again(run, file).records(ranges[0].first))
    record = next(records, None)
    for one in ranges:
        again = RangeBuilder(one.first, filters)
        while record is not None and record.position < one.stop:
            if record.position >= one.first:
                again.take(record)
            record = next(records, None)
        comments = again.found.comments
        if len(comments) != one.comments:
            raise SourceError(
                f"{file.path} gives {len(comments)} comments for chunk {one.number}, and gave {one.comments} "
                f"when run {run.id} began: label it in a run of its own"
            )
        yield one, comments


def _readable(records: Iterator[Record]) -> Iterator[Record]:
    """Yield records up to where the source breaks off, which the ledger knows from the first reading."""
    try:
        yield from records
    except SourceError:
        return
