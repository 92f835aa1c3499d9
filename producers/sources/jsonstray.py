"""Records that stand elsewhere in a document than those that are read: never passed over in silence."""

from collections import Counter
from collections.abc import Iterator

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.jsoncut import BrokenJsonError
from moodmill.producers.sources.jsondocument import Documents, Value, sound_values
from moodmill.producers.sources.jsonplaces import Places
from moodmill.producers.sources.jsonrefusal import jq_path
from moodmill.producers.sources.layout import ReadOptions
from moodmill.producers.sources.lines import Overlong
from moodmill.producers.sources.place import Place

#: Values of each place that are looked at.
_LOOKED = 20


class PlacedValues:
    """The values at some places of a document, and what is wrong with the rest of it."""

    def __init__(self, documents: Documents, places: frozenset[str], place: Place, options: ReadOptions) -> None:
        self._documents = documents
        self._places = places
        self._place = place
        self._others = Places(options)
        self._looks: Counter[str] = Counter()

    def __iter__(self) -> Iterator[bytes | Overlong]:
        """Yield the values. Raises SourceError where the document breaks off, and behind the last one where

        the file holds records besides, or a document none: an answer that reports an error, say.
        """
        taken = 0
        try:
            for value in self._documents.values():
                if value.place in self._places:
                    taken += 1
                    yield value.raw
                else:
                    self._look(value)
        except BrokenJsonError as error:
            raise SourceError(f"{self._place} has {error}; records read before it: {taken}") from error
        self._check()

    def _look(self, value: Value) -> None:
        if not isinstance(value.raw, bytes) or value.raw[:1] not in b"{[" or self._looks[value.place] == _LOOKED:
            return
        self._looks[value.place] += 1
        for part, place in sound_values(value.raw, value.place):
            self._others.look(part, place)

    def _check(self) -> None:
        named = " and ".join(repr(place) for place in sorted(self._places))
        if self._others.records:
            other = min(self._others.records)
            raise SourceError(
                f"{self._place} holds records at {other or '.'!r} besides those at {named}, and they are not read: "
                f"write them into a file of their own, as by jq -c '{jq_path(other)}'"
            )
        without = self._documents.begun - self._documents.with_places
        if without:
            raise SourceError(
                f"{self._place}: {without} of its {self._documents.begun} documents have no records at {named}, "
                "as answers that report an error; the others are read"
            )
