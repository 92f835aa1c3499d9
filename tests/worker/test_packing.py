"""Texts in a row, without padding, give what they give alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from db.emotions import EMOTIONS
from tests.support import make_model
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, load, plain_probabilities, settings_for, tokenizer_for
from worker import packing
from worker.linear import PrepackedLinear, prepack
from worker.model import EmotionModel
from worker.packing import lay_out
from worker.repository import find_model


def test_a_row_holds_its_texts_one_after_the_other() -> None:
    row = lay_out([[5, 6, 7], [8, 9], [1, 2], [4]], 2, torch.device("cpu"))
    assert row.ids.tolist() == [[5, 6, 7, 8, 9, 1, 2, 4]]
    assert row.positions.tolist() == [[2, 3, 4, 2, 3, 2, 3, 2]]
    assert row.offsets.tolist() == [0, 3, 5, 7, 8]
    assert row.offsets.dtype is torch.int32
    assert row.longest == 3
    assert row.alike == [(0, 1, 3), (3, 2, 2), (7, 1, 1)]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_the_families_that_read_a_first_token_go_without_padding(family: Family, tmp_path: Path) -> None:
    folder = make_of(family, tmp_path / "model", labels=EMOTIONS)
    assert load(folder).pads == (family.name.lower() not in packing.FAMILIES)


def test_in_bf16_a_row_gives_nearly_what_its_texts_give_alone(tiny_model: Path) -> None:
    model = EmotionModel(find_model(settings_for(tiny_model)), "cpu", "bf16")
    assert not model.pads
    found = model.probabilities([one.ids for one in tokenizer_for(tiny_model).encode(TEXTS)], 0)
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
    found = model.probabilities([one.ids for one in tokenizer_for(folder).encode(TEXTS)], 0)
    np.testing.assert_allclose(found, plain_probabilities(folder, TEXTS), atol=1e-5, rtol=0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_prepacked_layers_give_what_plain_ones_give(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(32, 64, bias=bias), nn.GELU(), nn.Sequential(nn.Linear(64, 8, bias=bias))).to(
        dtype
    )
    for rows in (1, 7, 3_000):
        inputs = torch.randn(1, rows, 32, dtype=dtype)
        with torch.inference_mode():
            wanted = layers(inputs)
            prepack(layers, dtype)
            torch.testing.assert_close(layers(inputs), wanted)
    if dtype is torch.float32 and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        assert isinstance(layers[0], PrepackedLinear)
