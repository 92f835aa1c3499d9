"""Ranges of records: they follow on each other, and every record is in exactly one of them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import ALL
from moodmill.db.ledger.entries import Note, RecordRange
from moodmill.producers.runs import chunks
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.sources.record import Bad, Parsed, Record


def good(position: int, text: str = "text") -> Record:
    return Parsed(comment=Comment(id=f"c{position}", text=text, position=position))


def gone(position: int) -> Record:
    return Parsed(comment=Comment(id=f"c{position}", text="[deleted]", position=position), gone="deleted")


def bad(position: int) -> Record:
    return Bad(position=position, error="expected JSON", payload="{")


def sums(ranges: list[RecordRange]) -> tuple[int, int, int, int]:
    return (
        sum(one.records for one in ranges),
        sum(len(one.comments) for one in ranges),
        sum(one.skipped.total() for one in ranges),
        sum(len(one.dead) for one in ranges),
    )


def test_ranges_follow_on_each_other_and_lose_nothing() -> None:
    # given a source whose positions have gaps: blank lines are no records
    records = [(good, gone, bad)[n % 3](n + n // 10) for n in range(100)]
    # when
    ranges = list(cut_records(records, ALL, 0, 7))
    # then
    assert sums(ranges) == (100, 34, 33, 33)
    assert ranges[0].first == 0
    assert all(before.stop == after.first for before, after in pairwise(ranges))
    assert ranges[-1].stop == 99 + 9 + 1
    assert {len(one.comments) for one in ranges[:-1]} == {7}


def test_a_range_starts_where_the_last_reading_stopped() -> None:
    (only,) = cut_records([good(12)], ALL, 10, 5)
    assert (only.first, only.stop, only.records) == (10, 13, 1)


def test_a_source_that_breaks_off_gives_its_last_records_before_the_error() -> None:
    def broken() -> Iterator[Record]:
        yield good(0)
        yield good(1)
        raise SourceError("truncated")

    found = cut_records(broken(), ALL, 0, 10)
    assert next(found).records == 2
    with pytest.raises(SourceError, match="truncated"):
        next(found)


def test_ranges_are_bounded_though_filters_pass_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_RECORDS", 10)
    ranges = list(cut_records(map(gone, range(25)), ALL, 0, 512))
    assert [one.records for one in ranges] == [10, 10, 5]


def test_a_range_of_long_texts_is_cut_by_its_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "MAX_CHARACTERS", 1_000)
    ranges = list(cut_records((good(n, "x" * 400) for n in range(7)), ALL, 0, 512))
    assert [one.records for one in ranges] == [3, 3, 1]


def test_no_records_no_ranges() -> None:
    assert list(cut_records([], ALL, 0, 5)) == []


def test_what_records_say_besides_is_counted_by_kind_with_the_first_example() -> None:
    def noted(position: int, *notes: tuple[str, str | None], gone: str | None = None) -> Record:
        comment = Comment(id=f"c{position}", text="text", position=position)
        return Parsed(comment=comment, gone=gone, notes=notes)

    first, second = cut_records(
        [
            noted(0, ("unread time", None)),
            noted(1, ("unread time", "10/5/2022"), ("removed title", "a post"), gone="removed"),
            bad(2),
            noted(3, ("unread time", "11/5/2022")),
            noted(4),
        ],
        ALL,
        0,
        2,
    )
    assert first.notes == {
        "unread time": Note(n=3, example="10/5/2022"),
        "removed title": Note(n=1, example="a post"),
    }
    assert (first.skipped, second.notes) == ({"removed": 1}, {})
