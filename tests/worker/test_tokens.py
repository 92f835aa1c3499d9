"""Token ids are those of the model's own tokenizer."""

import resource
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from db.errors import ModelError
from tests.worker.builders import TEXTS, plain_tokenizer, tokenizer_for
from worker import tokens
from worker.tokens import MAX_CHARACTERS, TextTokenizer


def words_of(tokens: int) -> str:
    """A text of that many tokens, the two special ones included."""
    return "love " * (tokens - 2)


def test_ids_are_those_of_the_plain_tokenizer(tiny_model: Path) -> None:
    texts = [*TEXTS, "ünknöwn 字 🙂", "UPPER case", "  spaces\tand\nlines  "]
    encoded = tokenizer_for(tiny_model).encode(texts)
    assert [one.ids for one in encoded] == plain_tokenizer(tiny_model)(texts)["input_ids"]
    assert not any(one.truncated for one in encoded)


def test_a_long_text_is_cut_at_the_limit_and_marked(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    [long] = tokenizer.encode([words_of(900)])
    assert long.truncated
    assert long.length == tokenizer.limit == 512
    assert long.ids == plain_tokenizer(tiny_model)(words_of(900), truncation=True, max_length=512)["input_ids"]


def test_only_a_text_over_the_limit_is_marked(tiny_model: Path) -> None:
    below, exactly, above = tokenizer_for(tiny_model).encode([words_of(511), words_of(512), words_of(513)])
    assert [below.length, exactly.length, above.length] == [511, 512, 512]
    assert [below.truncated, exactly.truncated, above.truncated] == [False, False, True]


def test_an_empty_text_is_the_special_tokens(tiny_model: Path) -> None:
    plain = plain_tokenizer(tiny_model)
    [empty] = tokenizer_for(tiny_model).encode([""])
    assert empty.ids == [plain.cls_token_id, plain.sep_token_id]
    assert not empty.truncated


def test_no_texts_are_no_tokens(tiny_model: Path) -> None:
    assert tokenizer_for(tiny_model).encode([]) == []


def test_the_limit_is_the_model_s_where_it_is_smaller(tiny_model: Path) -> None:
    [cut] = TextTokenizer(tiny_model, 16).encode([words_of(17)])
    assert cut.length == 16
    assert cut.truncated


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
    assert encoded.ids == plain_tokenizer(tiny_model)(text, truncation=True, max_length=512)["input_ids"]


def test_a_text_over_the_most_characters_is_marked_and_has_the_ids_of_its_beginning(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    for some in ("love ", "x", "\0"):
        beginning = (some * MAX_CHARACTERS)[:MAX_CHARACTERS]
        [whole], [longer] = tokenizer.encode([beginning]), tokenizer.encode([beginning + some])
        assert longer.ids == whole.ids
        assert longer.truncated


def test_texts_of_millions_of_characters_cost_little_memory(tiny_model: Path) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = ["." * 4_000_000, *(f"{'.' * 50_000} {n}" for n in range(40))]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    encoded = tokenizer.encode(texts)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert [one.length for one in encoded] == [512] * len(texts)
    assert grown < 250 << 10  # KiB


def test_texts_of_any_lengths_come_back_in_their_order(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tokenizer_for(tiny_model)
    texts = [words_of(3 + n % 7) * (n % 3) for n in range(50)]
    expected = tokenizer.encode(texts)
    for characters in (1, 7, 40, 1_000):
        monkeypatch.setattr(tokens, "BATCH_CHARACTERS", characters)
        assert tokenizer.encode(texts) == expected
