"""Emoji and emoticons are tokens, to plain transformers too, and begin as what their words mean."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from moodmill.worker.inference.repository import BUNDLED
from moodmill.worker.training.emoji import symbols
from moodmill.worker.training.encoder import Encoder, load_encoder
from moodmill.worker.training.recipe import Recipe
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import plain_tokenizer


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(Recipe(encoder=str(tiny_model), emoji=True))


def embedding(encoder: Encoder, ids: list[int]) -> torch.Tensor:
    found: torch.Tensor = encoder.model.get_input_embeddings().weight[ids]
    return found


def test_each_symbol_is_a_token_of_its_own(encoder: Encoder) -> None:
    assert len(symbols()) > 1_300
    for symbol in symbols():
        assert encoder.tokenizer.tokenize(symbol) == [symbol]


def test_an_embedding_begins_as_the_mean_of_its_words(encoder: Encoder, tiny_model: Path) -> None:
    plain = plain_tokenizer(tiny_model)
    for symbol in ("😂", "🪑", "<3"):
        words = plain(symbols()[symbol], add_special_tokens=False)["input_ids"]
        mean = embedding(encoder, [one for one in words if one != plain.unk_token_id]).mean(0)
        (token,) = encoder.tokenizer(symbol, add_special_tokens=False)["input_ids"]
        assert token >= len(plain)
        torch.testing.assert_close(embedding(encoder, [token])[0], mean)


def test_what_the_encoder_knew_stays(encoder: Encoder, tiny_model: Path) -> None:
    plain = load_encoder(Recipe(encoder=str(tiny_model)))
    known = list(range(len(plain.tokenizer)))
    assert torch.equal(embedding(encoder, known), embedding(plain, known))
    assert torch.equal(encoder.model.classifier.weight, plain.model.classifier.weight)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("love😂😂", ["love", "😂", "😂"]),
        ("so :) much", ["so", ":)", "much"]),
        ("so:(", ["so", ":("]),
        ("i <3 this", ["i", "<3", "this"]),
        ("❤️", ["❤"]),
        ("👍🏽", ["👍", "🏽"]),
    ],
)
def test_symbols_are_found_in_texts(encoder: Encoder, text: str, tokens: list[str]) -> None:
    assert encoder.tokenizer.tokenize(text) == tokens


@pytest.mark.parametrize(
    "text",
    ["https://a.b", "12:30", "foxden", "a:oh", "c:/d", "**Edit:** no", "^^small", "|:|:|", "the D: drive", "2<34"],
)
def test_what_looks_like_one_is_none(encoder: Encoder, text: str) -> None:
    for tokenizer in (encoder.tokenizer, plain_tokenizer(BUNDLED)):
        assert not symbols().keys() & set(tokenizer.tokenize(text))


def test_the_bundled_model_knows_the_same_symbols() -> None:
    tokenizer = plain_tokenizer(BUNDLED)
    assert [symbol for symbol in symbols() if tokenizer.tokenize(symbol) != [symbol]] == []


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_plain_transformers_knows_them_whatever_the_family(family: Family, tmp_path: Path) -> None:
    made = make_of(family, tmp_path / "encoder", ["x"])
    encoder = load_encoder(Recipe(encoder=str(made), emoji=True))
    encoder.model.save_pretrained(tmp_path / "model")
    encoder.tokenizer.save_pretrained(tmp_path / "model")

    tokenizer = plain_tokenizer(tmp_path / "model")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", dtype=torch.float32)
    text = "i love 😂 https://a 12:30 :)"
    ids = tokenizer(text)["input_ids"]
    assert ids == encoder.tokenizer(text)["input_ids"]
    assert {"😂", ":)"} < set(tokenizer.convert_ids_to_tokens(ids))
    assert max(tokenizer.get_vocab().values()) < model.get_input_embeddings().num_embeddings


def test_an_encoder_that_has_them_keeps_its_own(encoder: Encoder, tmp_path: Path) -> None:
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight.mul_(2)
    encoder.model.save_pretrained(tmp_path)
    encoder.tokenizer.save_pretrained(tmp_path)
    again = load_encoder(Recipe(encoder=str(tmp_path), emoji=True))
    assert torch.equal(again.model.get_input_embeddings().weight, encoder.model.get_input_embeddings().weight)
