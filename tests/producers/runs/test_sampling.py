"""How many comments sources hold, by what is read of them in seconds."""

from pathlib import Path

import pytest

from moodmill.db.core.errors import SourceError
from moodmill.db.core.filters import Filters
from moodmill.producers.runs.opening import look_into
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.sampling import MOST_SOURCES, SAMPLE, Range, Sample, read_sample
from moodmill.producers.sources import Discovery
from tests.support import write_dump


def sampled(*sources: Path, seconds: float = 60.0, **options: object) -> Sample:
    chosen = RunOptions(**options)  # type: ignore[arg-type]
    return read_sample([*look_into(sources, chosen.reading, Discovery())], chosen, seconds)


def test_what_is_read_whole_is_counted_and_not_estimated(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["short", "long enough", "[deleted]", "also long enough"])
    sample = sampled(dump, filters=Filters(min_length=6))
    assert (sample.records, sample.passed, sample.is_whole) == (4, 2, True)
    assert sample.comments == Range(2, 2, 2)
    assert [comment.text for comment in sample.chosen] == ["long enough", "also long enough"]


@pytest.mark.parametrize("shortest", [0, 12])
def test_of_a_large_file_the_beginning_tells_how_many_there_are(tmp_path: Path, shortest: int) -> None:
    texts = [f"text {number} {'x' * (number * 7919 % 100)}" for number in range(30_000)]
    dump = write_dump(tmp_path / "RC_x", texts)
    wanted = sum(len(text) >= shortest for text in texts)
    sample = sampled(dump, seconds=0.0, filters=Filters(min_length=shortest))
    assert not sample.is_whole
    assert sample.records < 20_000
    assert sample.comments.low < wanted < sample.comments.high
    assert sample.comments.expected == pytest.approx(wanted, rel=0.1)
    assert len(sample.chosen) == SAMPLE


def test_of_many_files_some_are_read_and_the_others_are_like_them(tmp_path: Path) -> None:
    for number in range(3 * MOST_SOURCES):
        write_dump(tmp_path / f"RC_2024-{number:02}", ["a text of some words"] * 50)
    sample = sampled(tmp_path)
    assert (sample.sources, sample.records) == (3 * MOST_SOURCES, 50 * MOST_SOURCES)
    assert sample.comments.expected == pytest.approx(50 * 3 * MOST_SOURCES, rel=0.01)
    assert sample.comments.low < sample.comments.expected < sample.comments.high


def test_a_limit_is_never_passed(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 100)
    assert sampled(dump, limit=30).comments == Range(30, 30, 30)


def test_where_no_source_can_be_read_it_says_why(tmp_path: Path) -> None:
    (tmp_path / "RC_x.zst").write_bytes(b"(\xb5/\xfd broken")
    with pytest.raises(SourceError, match=r"RC_x\.zst"):
        sampled(tmp_path / "RC_x.zst")
