"""Long texts are cut between sentences, and no word of them is lost."""

import re
from pathlib import Path

import pytest

from worker.training.segments import SEGMENT_TOKENS, Segmenter, segments


def words(text: str, most: int) -> list[str]:
    return segments(text, [found.span() for found in re.finditer(r"\S+", text)], most)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b c", ["a b c"]),
        ("a b. c d", ["a b.", "c d"]),
        ("a. b. c d e", ["a. b.", "c d e"]),
        ("a. b c d e f. g", ["a.", "b c d", "e f. g"]),
        ("a b\nc d", ["a b", "c d"]),
        ("a b c d", ["a b c", "d"]),
        ("\n\na b. c d?  ", ["a b.", "c d?"]),
        ("", [""]),
    ],
)
def test_as_many_sentences_as_there_is_room_for_are_a_segment(text: str, found: list[str]) -> None:
    assert words(text, 3) == found


def test_the_models_own_tokens_are_counted(tiny_model: Path) -> None:
    short, long = "i love this. " * 8, "i love this. " * 20  # four tokens each
    first, second = Segmenter(tiny_model).cut([short, long])
    assert first == [short]
    assert second == ["i love this. " * 7 + "i love this."] * 2 + ["i love this. " * 3 + "i love this."]
    assert SEGMENT_TOKENS == 32
