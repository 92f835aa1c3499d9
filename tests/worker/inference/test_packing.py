"""Texts in a row, without padding, give what they give alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from transformers.activations import GELUActivation
from transformers.models.roberta.modeling_roberta import RobertaEmbeddings

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.inference import packing
from moodmill.worker.inference.linear import PrepackedLinear, multiplies, prepack
from moodmill.worker.inference.packing import lay_out
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.torch_model import TorchModel
from tests.support import make_model
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, load, plain_probabilities, settings_for, tokenizer_for


def test_a_row_holds_its_texts_one_after_the_other() -> None:
    row = lay_out([[5, 6, 7], [8, 9], [3, 2], [4]], 2, torch.device("cpu"))
    assert row.ids.tolist() == [[5, 6, 7, 8, 9, 3, 2, 4]]
    assert row.positions.tolist() == [[2, 3, 4, 2, 3, 2, 3, 2]]
    assert row.offsets.tolist() == [0, 3, 5, 7, 8]
    assert row.offsets.dtype is torch.int32
    assert row.longest == 3
    assert row.length_buckets == [(0, 1, 3), (3, 2, 2), (7, 1, 1)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_the_families_that_read_a_first_token_go_without_padding(family: Family, tmp_path: Path) -> None:
    folder = make_of(family, tmp_path / "model", labels=EMOTIONS)
    assert load(folder).pads == (family.name.lower() not in packing.FAMILIES)


def test_in_bf16_a_row_gives_nearly_what_its_texts_give_alone(tiny_model: Path) -> None:
    model = TorchModel(find_model(settings_for(tiny_model)), "cpu", "bf16")
    assert not model.pads
    found = model.probabilities([one.segments[0].ids for one in tokenizer_for(tiny_model).encode(TEXTS)], 0)
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, TEXTS), atol=0.1, rtol=0)


def test_attention_in_steps_is_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, length, 8).bfloat16() for length in (5, 7, 7))
    wanted = functional.scaled_dot_product_attention(query.float(), key.float(), value.float())
    for scores in (1, 5 * 7 * 4, packing.SCORES):  # a head at a time, four heads and the two that are left, all
        monkeypatch.setattr(packing, "SCORES", scores)
        found = packing._bf16_attention(query, key, value, None)
        torch.testing.assert_close(found.float(), wanted, atol=0.03, rtol=0)


def test_the_last_layer_goes_on_with_first_tokens_only(tiny_model: Path) -> None:
    model = load(tiny_model)
    seen: list[tuple[int, ...]] = []
    encoder: Any = model._model.base_model.encoder
    layers = [*encoder.layer]
    for layer in layers:
        layer.intermediate.register_forward_hook(lambda _layer, given, _found: seen.append(tuple(given[0].shape[:2])))
    model.probabilities([[2, 5, 6, 3], [2, 3]], 0)
    assert seen == [*[(1, 6)] * (len(layers) - 1), (1, 2)]


def test_a_model_that_says_something_else_without_padding_is_padded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # given one whose tokens see only those before them
    folder = make_model(tmp_path / "causal", is_decoder=True)
    model = load(folder)
    assert model.pads
    assert "micro-batches are padded: this bert cannot go without (probabilities differ by" in caplog.text
    found = model.probabilities([one.segments[0].ids for one in tokenizer_for(folder).encode(TEXTS)], 0)
    np.testing.assert_allclose(found, plain_probabilities(folder, TEXTS), atol=1e-5, rtol=0)


class Activated(nn.Module):
    """A linear map and its activation, named as in BERT."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(32, 64, bias=bias)
        self.intermediate_act_fn = GELUActivation()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.intermediate_act_fn(self.dense(inputs))
        return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_prepacked_layers_give_what_plain_ones_give_until_they_are_put_back(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(Activated(bias), nn.Sequential(nn.Linear(64, 8, bias=bias))).to(dtype)
    inputs = [torch.randn(1, rows, 32, dtype=dtype) for rows in (1, 7, 3_000)]
    wanted = [layers(one) for one in inputs]
    before = [*layers.modules()]

    restore = prepack(layers, dtype)

    assert any(isinstance(one, PrepackedLinear) for one in layers.modules()) == multiplies(dtype)
    for one, expected in zip(inputs, wanted, strict=True):
        # in bf16 the plain ones round what is between product and activation
        torch.testing.assert_close(layers(one), expected, rtol=0, atol=1e-5 if dtype is torch.float32 else 0.02)
    restore()
    assert [*layers.modules()] == before


def test_a_padding_token_that_a_text_spells_out_is_counted_as_transformers_counts_it() -> None:
    texts = [[0, 5, 1, 6, 2], [0, 1, 2]]  # 1 is padding
    row = lay_out(texts, 2, torch.device("cpu"))
    count: Any = RobertaEmbeddings.create_position_ids_from_input_ids
    expected = [count(torch.tensor([one]), 1)[0].tolist() for one in texts]
    assert row.positions.tolist() == [[*expected[0], *expected[1]]]
