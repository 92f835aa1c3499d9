"""Any encoder becomes a classifier of the 27 emotions, the classic one among them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.repository import find_model
from moodmill.worker.training.encoder import load_encoder, output_layer
from moodmill.worker.training.fine_tuning import fine_tune
from moodmill.worker.training.recipe import Recipe
from tests.support import make_model
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, plain_probabilities, plain_tokenizer, settings_for
from tests.worker.training.test_trainer import trainer_for


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_a_model_made_of_each_family_is_classified_by_as_plain_transformers_does(
    family: Family, data: Path, tmp_path: Path
) -> None:
    # given a classifier of five other labels
    encoder = make_of(family, tmp_path / "encoder", labels=[f"star {number}" for number in range(5)])

    # when
    others: dict[str, Any] = {"layer_decay": 0.5, "token_masking": 0.1, "joined": 4, "emoji": True}
    recipe = Recipe(encoder=str(encoder), data=str(data), limit=32, epochs=1, **others)
    out = tmp_path / "model"
    fine_tune(recipe, out, settings_for(out), lambda _: None)

    # then
    settings, texts = settings_for(out), [*TEXTS, "i love it 😂 :)"]
    with load_classifier(find_model(settings), settings) as classifier:
        found = classifier.classify(texts).probabilities
    np.testing.assert_allclose(found, plain_probabilities(out, texts), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_every_layer_of_each_family_is_told_from_the_others(family: Family, data: Path, tmp_path: Path) -> None:
    recipe = Recipe(encoder=str(make_of(family, tmp_path / "encoder", EMOTIONS)), rate=1e-3, layer_decay=0.5)
    encoder = load_encoder(recipe)
    optimizer = trainer_for(encoder, recipe, data, tmp_path / "work").create_optimizer()
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    inputs = encoder.model.get_input_embeddings().weight
    assert rates[id(inputs)] == pytest.approx(2.5e-4)
    assert {round(rate, 6) for rate in rates.values()} == {2.5e-4, 5e-4, 1e-3}  # head_rate is 1e-3 too


def test_an_encoder_whose_config_asks_for_code_of_the_hub_is_refused(tmp_path: Path) -> None:
    make_model(tmp_path, _attn_implementation="eager", problem_type="single_label_classification")
    load_encoder(Recipe(encoder=str(tmp_path)))  # what it answered before is no matter
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"_attn_implementation": "org/kernel"}))
    with pytest.raises(ModelError, match="asks for 'org/kernel'"):
        load_encoder(Recipe(encoder=str(tmp_path)))


def test_of_bert_base_comes_the_classic_model(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer = plain_tokenizer(tiny_model)
    tokenizer.save_pretrained(tmp_path)
    BertModel(BertConfig(vocab_size=len(tokenizer))).save_pretrained(tmp_path)

    encoder = load_encoder(Recipe(encoder=str(tmp_path)))

    config, head = encoder.model.config, output_layer(encoder.model)
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (12, 768, 12)
    assert (head.in_features, head.out_features) == (768, 27)
    assert encoder.max_tokens == 512
    assert next(encoder.model.parameters()).dtype == torch.float32
    assert config.problem_type == "multi_label_classification"
    assert [config.id2label[number] for number in range(27)] == list(EMOTIONS)


def test_what_is_no_encoder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="has no weights") as refused:
        load_encoder(Recipe(encoder=str(tmp_path)))
    assert len(str(refused.value).splitlines()) == 1
