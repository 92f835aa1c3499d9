"""What would become of the records of a source, counted without labelling any."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from moodmill.db.core.errors import SourceError
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.runs.opening import Opened
from moodmill.producers.runs.options import RunOptions


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The records of a source, by what becomes of them. They add up, but for what is behind an error."""

    source: str
    records: int
    #: To be labelled.
    comments: int
    #: By reason.
    skipped: Mapping[str, int]
    dead: int
    #: Why it cannot be read, or not to its end.
    error: str | None = None


def count_outcome(opened: Opened, options: RunOptions, limit: int | None = None) -> Outcome:
    """Read a source whole, or up to so many comments, in flat memory."""
    records = comments = dead = 0
    skipped: Counter[str] = Counter()
    error = opened.error
    if opened.source is not None and limit != 0:
        try:
            ranges = cut_records(opened.source.records(), options.filters, 0, options.chunk_comments, limit=limit)
            for cut in ranges:
                records += cut.records
                comments += len(cut.comments)
                dead += len(cut.dead)
                skipped += cut.skipped
        except SourceError as raised:
            error = str(raised)
    return Outcome(
        source=opened.place.name, records=records, comments=comments, skipped=dict(skipped), dead=dead, error=error
    )
