"""Token ids are those of the model's own tokenizer."""

import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.settings import MAX_TOKENS
from moodmill.worker.inference import tokens
from moodmill.worker.inference.tokens import MAX_CHARACTERS, TextTokenizer, TokenIds
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, plain_tokenizer, tokenizer_for


def words_of(tokens: int) -> str:
    """A text of that many tokens, the two special ones included."""
    return "love " * (tokens - 2)


def ids_of(encoded: TokenIds) -> list[int]:
    """The ids of a text that is read in one segment."""
    [segment] = encoded.segments
    return segment.ids


def test_ids_are_those_of_the_plain_tokenizer(tiny_model: Path) -> None:
    texts = [*TEXTS, "ünknöwn 字 🙂", "UPPER case", "  spaces\tand\nlines  "]
    encoded = tokenizer_for(tiny_model).encode(texts)
    assert [ids_of(one) for one in encoded] == plain_tokenizer(tiny_model)(texts)["input_ids"]
    assert not any(one.truncated for one in encoded)


def test_a_long_text_is_read_in_segments_of_the_model_s_limit(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    [long] = tokenizer.encode([words_of(1_200)])
    assert not long.truncated
    assert [segment.length for segment in long.segments] == [402, 401, 401]
    [plain] = plain_tokenizer(tiny_model)([words_of(1_200)], add_special_tokens=False)["input_ids"]
    assert [token for segment in long.segments for token in segment.ids[1:-1]] == plain


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_texts_of_segments_have_their_ids(family: Family, tmp_path: Path) -> None:
    tokenizer = TextTokenizer(make_of(family, tmp_path, EMOTIONS), 40)
    texts = ["i love this. so much, thanks! i hate the way he said it, and i am sorry for her. " * 3, "thanks", ""]
    cut, counts = tokenizer.cut(texts)
    encoded = tokenizer.encode(texts)
    assert counts.tolist() == [len(one.segments) for one in encoded]
    assert counts[0] > 2
    assert [ids_of(one) for one in tokenizer.encode(cut)] == [part.ids for one in encoded for part in one.segments]


def test_only_a_text_over_the_limit_of_tokens_is_cut_and_marked(tiny_model: Path) -> None:
    tokenizer = TextTokenizer(tiny_model, 512, max_tokens=700)
    below, exactly, above = tokenizer.encode([words_of(699), words_of(700), words_of(701)])
    assert [below.truncated, exactly.truncated, above.truncated] == [False, False, True]
    assert below.length < exactly.length == above.length
    [short] = TextTokenizer(tiny_model, 512, max_tokens=16).encode([words_of(17)])
    assert (short.length, short.truncated) == (16, True)


def test_an_empty_text_is_the_special_tokens(tiny_model: Path) -> None:
    plain = plain_tokenizer(tiny_model)
    [empty] = tokenizer_for(tiny_model).encode([""])
    assert ids_of(empty) == [plain.cls_token_id, plain.sep_token_id]
    assert not empty.truncated


def test_no_texts_are_no_tokens(tiny_model: Path) -> None:
    assert tokenizer_for(tiny_model).encode([]) == []


def test_the_limit_of_a_segment_is_the_model_s_where_it_is_smaller(tiny_model: Path) -> None:
    [text] = TextTokenizer(tiny_model, 16).encode([words_of(17)])
    assert [segment.length for segment in text.segments] == [10, 9]
    assert not text.truncated


def test_threads_do_not_disturb_each_other(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = [words_of(3 + n) for n in range(60)]
    with ThreadPoolExecutor(8) as pool:
        encoded = list(pool.map(lambda text: tokenizer.encode([text])[0].length, texts))
    assert encoded == [3 + n for n in range(60)]


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        pytest.param("tokenizer*", "has no vocabulary: expected tokenizer.json", id="none of its files"),
        pytest.param("tokenizer.json", "cannot load the tokenizer", id="all but its configuration"),
    ],
)
def test_a_folder_without_a_vocabulary_is_a_model_error(
    tiny_model: Path, tmp_path: Path, left_out: str, said: str
) -> None:
    folder = tmp_path / "bare"
    shutil.copytree(tiny_model, folder, ignore=shutil.ignore_patterns(left_out))
    with pytest.raises(ModelError, match=said) as refused:
        TextTokenizer(folder, 512)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "some", ["love this, ", "love", "x", "\N{GRINNING FACE}", "字", "\N{COMBINING ACUTE ACCENT}", " ", "."]
)
def test_a_text_below_the_most_characters_has_the_ids_of_the_plain_tokenizer(tiny_model: Path, some: str) -> None:
    text = (some * MAX_CHARACTERS)[: MAX_CHARACTERS - 5] + " love"
    [encoded] = tokenizer_for(tiny_model).encode([text])
    plain = plain_tokenizer(tiny_model)(text, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    assert [token for segment in encoded.segments for token in segment.ids[1:-1]] == plain[1:-1]


def test_a_text_over_the_most_characters_is_marked_and_has_the_ids_of_its_beginning(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    for some in ("love ", "x", "\0"):
        beginning = (some * MAX_CHARACTERS)[:MAX_CHARACTERS]
        [whole], [longer] = tokenizer.encode([beginning]), tokenizer.encode([beginning + some])
        assert longer.segments == whole.segments
        assert longer.truncated


def test_texts_of_millions_of_characters_cost_little_memory(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = ["." * 4_000_000, *(f"{'.' * 50_000} {n}" for n in range(40))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    encoded = tokenizer.encode(texts)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert all(one.length >= MAX_TOKENS for one in encoded)
    assert all(segment.length <= 512 for one in encoded for segment in one.segments)
    assert grown < 250 << 10  # KiB


def test_texts_of_any_lengths_come_back_in_their_order(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = [words_of(3 + n % 7) * (n % 3) for n in range(50)]
    expected = tokenizer.encode(texts)
    for characters in (1, 7, 40, 1_000):
        monkeypatch.setattr(tokens, "BATCH_CHARACTERS", characters)
        assert tokenizer.encode(texts) == expected
