"""A sample of what a run would label, and how many comments there are: read in seconds, however large the sources."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random
from typing import Final, NamedTuple

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.producers.runs.opening import Opened
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sources.archive import size_of
from moodmill.producers.sources.record import Parsed

#: Sources that are read in, of many: as far apart as can be in their order, which is mostly that of time.
MOST_SOURCES: Final = 12
#: Seconds that are read for, in all sources together.
READ_S: Final = 5.0
#: Comments of the sample at most.
SAMPLE: Final = 400
#: How much what is behind the beginning of a source may differ from it, and one source from another, as a share.
BEYOND: Final = 0.2
#: Standard errors to either side of an expected value.
ERRORS: Final = 2.0


class Range(NamedTuple):
    """An estimated number, and between which bounds it lies most likely."""

    expected: float
    low: float
    high: float

    def times(self, factor: "Range") -> "Range":
        return Range(*(mine * other for mine, other in zip(self, factor, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What was read of sources."""

    sources: int
    #: Records that were read, and those of them that would be labelled.
    records: int
    passed: int
    #: Whether that is all there is.
    is_whole: bool
    #: Comments that would be labelled, in all sources.
    comments: Range
    #: Some of those that were read, at random.
    chosen: Sequence[Comment]


class _Read(NamedTuple):
    """What was read of one source: so many records and comments, in a share of its bytes."""

    records: int
    passed: int
    share: float
    size: int


def read_sample(opened: Sequence[Opened], options: RunOptions, seconds: float = READ_S) -> Sample:
    """Read the beginnings of some of the sources, as a run with these options would.

    Raises SourceError where none of them can be read.
    """
    readable = [one for one in opened if one.source is not None]
    if not readable:
        raise SourceError(next((one.error for one in opened if one.error), "no dump and no table found"))
    some = _spread(readable, MOST_SOURCES)
    chosen = _Reservoir()
    read = [_read(one, options, seconds / len(some), chosen) for one in some]
    is_whole = len(some) == len(readable) and all(one.share == 1.0 for one in read)
    comments = _comments(read, sum(size_of(one.place) for one in readable), is_whole=is_whole)
    if options.limit is not None:
        comments = Range(*(min(number, float(options.limit)) for number in comments))
    return Sample(
        sources=len(readable),
        records=sum(one.records for one in read),
        passed=sum(one.passed for one in read),
        is_whole=is_whole,
        comments=comments,
        chosen=chosen.comments,
    )


def _comments(read: Sequence[_Read], size: int, *, is_whole: bool) -> Range:
    """Return how many comments sources of so many bytes hold, by what was read of some of them."""
    passed = sum(one.passed for one in read)
    if is_whole:
        return Range(passed, passed, passed)
    taken = sum(one.share * one.size for one in read)
    factor = size / taken if taken else 1.0
    # Of few that pass a filter, chance makes the number uncertain; of many, what is behind those that were read.
    chance = ERRORS * sqrt(passed + 1)
    apart = max(BEYOND * (1 - min(taken / size, 1.0)) if size else 0.0, 0.01)
    low, high = (passed - chance) * (1 - apart), (passed + chance) * (1 + apart)
    return Range(passed * factor, max(low * factor, float(passed)), high * factor)


def _read(opened: Opened, options: RunOptions, seconds: float, chosen: "_Reservoir") -> _Read:
    """Read a source for so long.

    How many of its bytes are read moves in steps, each of which gives some hundred records or more: what is counted is
    what was read before the latest step.
    """
    if opened.source is None:
        raise TypeError("expected a source that was opened")
    deadline, records, passed, share = time.monotonic() + seconds, 0, 0, 0.0
    counted = (0, 0, 0.0)
    try:
        for record in opened.source.records():
            now_read = opened.source.share_read()
            if now_read != share:
                counted, share = (records, passed, share), now_read
                if time.monotonic() > deadline and counted[2]:
                    break
            records += 1
            if isinstance(record, Parsed) and options.filters.reason_to_skip(record) is None:
                passed += 1
                chosen.offer(record.comment)
        else:
            counted = (records, passed, 1.0)
    except SourceError:
        counted = (records, passed, 1.0)  # what is behind it is not labelled either
    return _Read(*counted, size=size_of(opened.place))


def _spread(readable: Sequence[Opened], most: int) -> list[Opened]:
    if len(readable) <= most:
        return [*readable]
    return [readable[round(at * (len(readable) - 1) / (most - 1))] for at in range(most)]


class _Reservoir:
    """Keeps some of many at random, each with the same chance; the same ones each time."""

    def __init__(self) -> None:
        self.comments: Final[list[Comment]] = []
        self._offered = 0
        self._random = Random(0)  # noqa: S311 - nobody is to be kept from guessing

    def offer(self, comment: Comment) -> None:
        self._offered += 1
        if len(self.comments) < SAMPLE:
            self.comments.append(comment)
        elif (at := self._random.randrange(self._offered)) < SAMPLE:
            self.comments[at] = comment
