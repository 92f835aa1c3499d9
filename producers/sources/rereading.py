"""Records of a source read again by their positions: of dead letters whose payload was too long to be kept."""

from collections.abc import Iterator

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.record import Bad, Record, Source


class Rereader:
    """Reads records again, in one pass over the source where they are asked for in their order."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._records: Iterator[Record] | None = None
        self._next = 0

    def read(self, payload: str, position: int) -> Record:
        """Return the record at a position; a Bad of `payload` where the source no longer has it."""
        if self._records is None or position < self._next:
            self._records = self._source.records(position)
        self._next = position + 1
        try:
            record = next((one for one in self._records if one.position >= position), None)
        except SourceError as error:
            record, reason = None, str(error)
        else:
            reason = f"{self._source.name} no longer has a record {position + 1}"
        if record is None or record.position != position:
            self._records = None
            return Bad(position=position, error=f"the record cannot be read again: {reason}", payload=payload)
        return record
