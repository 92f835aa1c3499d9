"""Long texts are read in segments of whole sentences, and what is said of these becomes what is said of the text."""

import re
from pathlib import Path

import numpy as np
import pytest

from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.segments import Segmentation, pool, read_segmentation, segments


def read_in(text: str, most: int) -> list[str]:
    """The segments of a text whose words and marks are tokens."""
    offsets = [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]
    parts = segments(text, offsets, most)
    assert [at for part in parts for at in range(part.start, part.stop)] == [*range(len(offsets))]
    assert all(part.stop - part.start <= most for part in parts)
    return [text[offsets[part.start][0] : offsets[part.stop - 1][1]] for part in parts]


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("", 5, [""]),
        ("all of it", 3, ["all of it"]),
        ("One two. Three four. Five.", 6, ["One two. Three four.", "Five."]),
        ("One two! Three? “Four five.” Six", 5, ["One two! Three?", "“Four five.”", "Six"]),
        ("no marks\nbut lines\n\nthree of them", 4, ["no marks\nbut lines", "three of them"]),
        ("a b c d e f g", 4, ["a b c d", "e f g"]),
        ("Short. a b c d e f g. Short.", 4, ["Short.", "a b c d", "e f g.", "Short."]),
        ("v1.2 is out... at 3.30 pm", 9, ["v1.2 is out...", "at 3.30 pm"]),
        ("!!! ??? ...", 4, ["!!!", "???", "..."]),
        (" \n lines around \n ", 1, ["lines", "around"]),
    ],
)
def test_a_segment_holds_as_many_whole_sentences_as_there_is_room_for(
    text: str, most: int, expected: list[str]
) -> None:
    if not text:
        assert segments(text, [], most) == [slice(0, 0)]
    else:
        assert read_in(text, most) == expected


def test_a_token_with_the_blank_before_it_belongs_to_its_own_sentence() -> None:
    offsets = [(0, 3), (3, 7), (7, 8), (8, 14), (14, 19), (19, 20)]
    assert segments("One two. Three four.", offsets, 4) == [slice(0, 3), slice(3, 6)]


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("The unbelievable happened again and again", 8, ["The unbelievable", "happened", "again and again"]),
        ("so unbelievable", 6, ["so", "unbelievable"]),
        ("unbelievably", 2, ["unbe", "liev", "ably"]),
    ],
)
@pytest.mark.parametrize("counted_in", ["", " ?"], ids=["blanks apart", "blanks with the word behind them"])
def test_a_sentence_longer_than_a_segment_is_cut_between_words_where_it_can_be(
    text: str, most: int, expected: list[str], counted_in: str
) -> None:
    offsets = [match.span() for match in re.finditer(counted_in + r"\w\w?", text)]
    parts = segments(text, offsets, most)
    assert [text[offsets[part.start][0] : offsets[part.stop - 1][1]].strip() for part in parts] == expected


def test_a_text_has_an_emotion_where_one_of_its_segments_has_it() -> None:
    probabilities = np.array([[0.5, 0.0], [0.1, 0.3], [0.2, 0.4], [0.9, 0.123456789]], dtype=np.float32)
    counts = np.array([1, 2, 1], dtype=np.int32)
    pooled = pool(probabilities, counts, "noisy-or")
    np.testing.assert_allclose(pooled[1], [1 - 0.9 * 0.8, 1 - 0.7 * 0.6], rtol=1e-6)
    assert (pooled[[0, 2]] == probabilities[[0, 3]]).all(), (
        "what is read at once is what the model says, to the last bit"
    )
    assert pool(probabilities, counts, "max").tolist() == probabilities[[0, 2, 3]].tolist()


def test_a_text_of_many_segments_says_what_a_few_of_its_kind_would() -> None:
    doubtful = np.full((8 + 80, 1), 0.1, dtype=np.float32)
    few, many = pool(doubtful, np.array([8, 80], dtype=np.int32), "noisy-or")
    np.testing.assert_allclose(few, 1 - 0.9**8, rtol=1e-6)
    np.testing.assert_allclose(many, few, rtol=1e-6)
    # and one that is sure among them is not lost
    some = np.array([[0.99], *[[0.0]] * 11], dtype=np.float32)
    assert pool(some, np.array([12], dtype=np.int32), "noisy-or") > 0.9


def test_blanks_without_an_end_are_gone_through_once() -> None:
    # were each blank tried anew, these would take ten minutes
    offsets = [(0, 5)] * 60 + [(100_000, 100_004)] * 60
    for _ in range(30):
        assert segments(f"blank{' ' * 99_995}text", offsets, 48)[0].stop <= 48


def test_a_segment_that_failed_leaves_no_number() -> None:
    probabilities = np.array([[0.5], [np.nan]], dtype=np.float32)
    for pooling in ("noisy-or", "max"):
        assert np.isnan(pool(probabilities, np.array([2], dtype=np.int32), pooling)).all()


def test_a_model_declares_its_segments_beside_it(tmp_path: Path) -> None:
    assert read_segmentation(tmp_path) == Segmentation(tokens=512, pooling="noisy-or")
    (tmp_path / "segments.json").write_text('{"tokens": 48, "pooling": "max"}')
    assert read_segmentation(tmp_path) == Segmentation(tokens=48, pooling="max")


@pytest.mark.parametrize(
    "declared",
    [
        "48",
        "{",
        '{"tokens": 0}',
        '{"tokens": "48"}',
        '{"tokens": true}',
        '{"tokens": 48, "pooling": "mean"}',
        '{"size": 48}',
    ],
)
def test_a_declaration_that_cannot_be_meant_is_a_line(declared: str, tmp_path: Path) -> None:
    (tmp_path / "segments.json").write_text(declared)
    with pytest.raises(ModelError, match=r"segments\.json: ") as refused:
        read_segmentation(tmp_path)
    assert len(str(refused.value).splitlines()) == 1
