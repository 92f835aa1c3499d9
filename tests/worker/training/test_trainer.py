"""What a training step sees, and at which rate each part learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from moodmill.db.core.errors import SettingError
from moodmill.worker.training.encoder import BIAS, Encoder, load_encoder, output_layer
from moodmill.worker.training.examples import Curriculum, Examples
from moodmill.worker.training.labelled import read_split
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.targets import Targets
from moodmill.worker.training.trainer import ByLength, EmotionTrainer
from tests.worker.training.conftest import training_set

LENGTHS = np.random.default_rng(0).integers(1, 200, 1_000)


def trainer_for(encoder: Encoder, recipe: Recipe, data: Path, folder: Path) -> EmotionTrainer:
    dev = read_split(str(data), "dev").first(8)
    examples = Examples(encoder, dev.texts, Targets.hard(dev.targets))
    curriculum = Curriculum(training_set(len(dev)), recipe.joined, recipe.seed)
    return EmotionTrainer(encoder, recipe, curriculum, examples, examples, folder, cpu=True, bf16=False)


def by_length(seed: int) -> ByLength:
    curriculum = Curriculum(training_set(len(LENGTHS)), joined=0, seed=seed)
    return ByLength(curriculum, lambda rows: int(LENGTHS[rows[0]]), 32, seed)


def test_every_comment_comes_once_an_epoch_in_another_order_each() -> None:
    order = by_length(seed=1)
    first = list(order)
    assert sorted(first) == [(row,) for row in range(len(LENGTHS))]
    assert list(order) == first
    order.set_epoch(1)
    assert sorted(order) == sorted(first)
    assert list(order) != first


def test_a_batch_holds_comments_of_like_length() -> None:
    order = np.array([row for (row,) in by_length(seed=1)])
    batches = [LENGTHS[order[at : at + 32]] for at in range(0, len(order), 32)]
    padded = sum(len(one) * one.max() for one in batches)
    assert padded / LENGTHS.sum() < 1.1
    longest = [int(one.max()) for one in batches]
    assert longest != sorted(longest)  # or else the model would learn short ones first


def test_the_seed_decides_the_order() -> None:
    assert list(by_length(seed=1)) != list(by_length(seed=2))


def test_each_layer_learns_slower_than_the_one_above_it(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    recipe = Recipe(encoder=str(tiny_model), rate=1e-3, head_rate=1e-2, layer_decay=0.5)
    encoder = load_encoder(recipe)
    optimizer = trainer_for(encoder, recipe, data, tmp_path).create_optimizer()
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    found = {name: rates[id(one)] for name, one in encoder.model.named_parameters()}
    assert found["classifier.weight"] == found["classifier.bias"] == 1e-2
    assert found["bert.pooler.dense.weight"] == 1e-3
    assert found["bert.encoder.layer.1.output.dense.weight"] == 1e-3
    assert found["bert.encoder.layer.0.output.dense.weight"] == pytest.approx(5e-4)
    assert found["bert.embeddings.word_embeddings.weight"] == pytest.approx(2.5e-4)


def test_the_embeddings_and_the_lowest_layers_can_be_frozen(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    recipe = Recipe(encoder=str(tiny_model), frozen_layers=1, epochs=4, emoji=True)
    encoder = load_encoder(recipe)
    before = {name: one.detach().clone() for name, one in encoder.model.named_parameters()}
    trainer_for(encoder, recipe, data, tmp_path).train()
    same = {name for name, one in encoder.model.named_parameters() if torch.equal(one, before[name])}
    frozen = {name for name in before if name.startswith(("bert.embeddings.", "bert.encoder.layer.0."))}
    assert frozen <= same
    assert not {name for name in same - frozen if name.endswith("weight")}


def test_no_more_layers_can_be_frozen_than_there_are(tiny_model: Path) -> None:
    load_encoder(Recipe(encoder=str(tiny_model), frozen_layers=2))
    with pytest.raises(SettingError, match="frozen_layers is 3: the encoder has 2 layers"):
        load_encoder(Recipe(encoder=str(tiny_model), frozen_layers=3))


def test_norms_and_biases_do_not_decay(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    recipe = Recipe(encoder=str(tiny_model), weight_decay=0.1)
    encoder = load_encoder(recipe)
    optimizer = trainer_for(encoder, recipe, data, tmp_path).create_optimizer()
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0)


def test_hidden_tokens_are_never_special_ones(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    recipe = Recipe(encoder=str(tiny_model), token_masking=1.0)
    encoder = load_encoder(recipe)
    trainer = trainer_for(encoder, recipe, data, tmp_path)
    ids = torch.tensor([[2, 10, 11, 3, 0, 0]])  # [CLS] two words [SEP] padding
    mask = encoder.tokenizer.mask_token_id
    assert trainer._mask_tokens(ids).tolist() == [[2, mask, mask, 3, 0, 0]]


def test_no_token_is_hidden_outside_training(tiny_model: Path, data: Path, tmp_path: Path) -> None:
    encoders = [load_encoder(Recipe(encoder=str(tiny_model), token_masking=share)) for share in (0.0, 1.0)]
    losses = [
        trainer_for(one, Recipe(encoder=str(tiny_model), token_masking=share), data, tmp_path).evaluate()["eval_loss"]
        for one, share in zip(encoders, (0.0, 1.0), strict=True)
    ]
    assert losses[0] == losses[1]


def test_the_head_begins_where_emotions_are_rare(tiny_model: Path) -> None:
    encoder = load_encoder(Recipe(encoder=str(tiny_model)))
    head = output_layer(encoder.model)
    assert torch.equal(head.bias, torch.full((27,), BIAS))
    assert encoder.fresh == {"classifier.weight", "classifier.bias"}


def test_the_seed_draws_the_head(tiny_model: Path) -> None:
    def head(seed: int) -> torch.Tensor:
        return output_layer(load_encoder(Recipe(encoder=str(tiny_model), seed=seed)).model).weight

    assert torch.equal(head(1), head(1))
    assert not torch.equal(head(1), head(2))
