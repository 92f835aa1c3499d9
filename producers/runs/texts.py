"""The texts of sources by themselves, for whoever wants no run: to teach a model, say."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import ALL
from moodmill.producers.runs.opening import look_into, refuse_idle_options
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources import Discovery, ReadOptions
from moodmill.producers.sources.record import Parsed


def read_texts(sources: Iterable[Path], reading: ReadOptions) -> Iterator[str]:
    """Yield the texts of all comments that a run of these sources would label.

    Raises SourceError where one cannot be read or none is found, SettingError for options that mean nothing to any.
    """
    opened = list(look_into(sources, reading, Discovery()))
    refuse_idle_options(RunOptions(reading=reading), opened)
    if not opened:
        raise SourceError("no dump and no table found")
    for one in opened:
        if one.source is None:
            raise SourceError(one.error or f"{one.place} cannot be read")
    for one in opened:
        for record in one.source.records() if one.source else ():
            if isinstance(record, Parsed) and ALL.reason_to_skip(record) is None:
                yield record.comment.text
