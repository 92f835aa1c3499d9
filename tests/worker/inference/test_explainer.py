"""What an explainer shows is what the model does: its probabilities, its logits by their sums, each token's effect."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.explainer import Explainer
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.segments import Segmentation, write_segmentation
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, plain_probabilities, settings_for

ODD = ("", "🙂 ünknöwn 字 \u200d", "he is proud\n\tof   us", "مرحبا بالعالم", "a lone \ud800 surrogate")


def explainer_of(folder: Path) -> Explainer:
    settings = settings_for(folder)
    return Explainer(find_model(settings), settings)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_of_each_family_logits_are_the_sums_of_products_and_attention_adds_up(family: Family, tmp_path: Path) -> None:
    folder = make_of(family, tmp_path / family.name, labels=EMOTIONS)
    explainer = explainer_of(folder)
    texts = [*TEXTS[:-1], *ODD[:-1]]
    explanations = [explainer.explain(text) for text in texts]
    probabilities = np.stack([explanation.probabilities for explanation in explanations])
    np.testing.assert_allclose(probabilities, plain_probabilities(folder, texts), atol=1e-5, rtol=0)
    for explanation in explanations:
        [segment] = explanation.segments
        assert segment.products is not None
        assert segment.head is not None
        sums = segment.products.sum(axis=1) + segment.head.biases
        np.testing.assert_allclose(sums, segment.logits, atol=1e-5, rtol=0)
        layers = explainer.attention(segment)
        config = explainer.config
        n = len(segment.tokens)
        assert [layer.shape for layer in layers] == [(config.num_attention_heads, n, n)] * config.num_hidden_layers
        for layer in layers:
            np.testing.assert_allclose(layer.sum(axis=2), 1, atol=1e-5, rtol=0)


@pytest.mark.parametrize("text", ["i love this", *ODD])
def test_the_effect_of_a_token_is_what_the_probability_is_higher_by_than_without_it(
    text: str, tiny_model: Path
) -> None:
    explainer = explainer_of(tiny_model)
    [segment] = explainer.explain(text).segments
    explained = explainer.leave_one_out(segment)
    effects = explained.effects
    assert effects.shape == (len(segment.tokens), len(EMOTIONS))
    special = [token.special for token in segment.tokens]
    assert np.isnan(effects).all(axis=1).tolist() == special
    if text == "i love this":
        [without] = explainer.explain("i this").segments
        np.testing.assert_allclose(effects[2], segment.probabilities - without.probabilities, atol=1e-6, rtol=0)


def test_tokens_say_what_they_stand_for_and_which_are_special_or_unknown(tiny_model: Path) -> None:
    [segment] = explainer_of(tiny_model).explain("I love\n字 lovely").segments
    tokens = [(token.piece, token.text) for token in segment.tokens if not token.special]
    assert tokens == [("i", "I"), ("love", "love"), ("[UNK]", "字"), ("love", "love"), ("##l", "l"), ("##y", "y")]
    assert [token.piece for token in segment.tokens if token.special] == ["[CLS]", "[SEP]"]
    assert [token.text for token in segment.tokens if token.unknown] == ["字"]


def test_a_long_text_is_explained_in_the_segments_that_a_worker_reads(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "segmented"))
    write_segmentation(Segmentation(tokens=12), folder)
    sentences = ["i love this so much.", "i hate the a of this.", "thanks."] * 40
    explanation = explainer_of(folder).explain(" ".join(sentences))
    texts = ["".join(token.text for token in segment.tokens) for segment in explanation.segments]
    assert len(texts) > 10
    assert "".join(texts) == "".join(sentences).replace(" ", "")
    alone = [explainer_of(tiny_model).explain(sentences[0]).probabilities]
    np.testing.assert_allclose(explanation.segments[0].probabilities, alone[0], atol=1e-5, rtol=0)
    assert (explanation.probabilities >= explanation.segments[0].probabilities - 1e-6).mean() > 0.5


def test_a_model_without_special_tokens_says_that_it_reads_nothing_of_an_empty_text(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "bare"))
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))
    explainer = explainer_of(folder)
    with pytest.raises(ModelError, match="reads no token of an empty text"):
        explainer.explain("")
    [segment] = explainer.explain("love").segments
    assert np.isnan(explainer.leave_one_out(segment).effects).all()
