"""The engine OpenVINO gives what plain transformers gives, whatever the batch, at each precision."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine, ExactPrecision
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.conversion import NotConvertibleError, traced_graph
from moodmill.worker.inference.encoder_graph import UnknownArchitectureError, encoder_graph
from moodmill.worker.inference.engines import Tuning, load_as, load_model
from moodmill.worker.inference.model import EmotionModel, NotRunnableError
from moodmill.worker.inference.openvino_model import read_config
from moodmill.worker.inference.repository import BUNDLED, find_model
from moodmill.worker.inference.tokens import TextTokenizer
from tests.support import make_model
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import TEXTS, make_poisoned, plain_probabilities, settings_for

#: How far a row may be from the same row of another batch; and from plain transformers.
OF_ANOTHER_BATCH: dict[ExactPrecision, float] = {"fp32": 0.001, "bf16": 0.01, "int8": 0.01}
LONG = "thanks " * 500
#: Families of which the graph is made of their files alone.
DIRECT = ("Bert", "Roberta", "DistilBert", "Electra")


def load(folder: Path, cache: Path, precision: ExactPrecision = "fp32") -> EmotionModel:
    settings = settings_for(folder, moodmill_cache=cache)
    return load_model(find_model(settings), settings, tuning(precision))


def tuning(precision: ExactPrecision = "fp32", lanes: int = 1) -> Tuning:
    return Tuning(engine=Engine("openvino", precision), threads=2, lanes=lanes, batch_tokens=2_048)


def probabilities(model: EmotionModel, folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """All texts in one batch."""
    tokenizer = TextTokenizer(folder, model.max_tokens)
    return model.probabilities([one.segments[0].ids for one in tokenizer.encode(texts)], tokenizer.pad_id)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_every_family_s_probabilities_are_those_of_plain_transformers(family: Family, tmp_path: Path) -> None:
    labels = [name.title() for name in (*EMOTIONS, "neutral")]
    random.Random(5).shuffle(labels)
    folder = make_of(family, tmp_path / family.name, labels)
    texts = [*TEXTS, "", "i love this so much, thanks " * 20]
    model = load(folder, tmp_path)
    assert str(model.engine) == "openvino fp32"
    found = probabilities(model, folder, texts)
    np.testing.assert_allclose(found, plain_probabilities(folder, texts), atol=1e-4, rtol=0)
    assert np.ptp(found, axis=0).min() > 1e-4, "a model that says the same of every text shows nothing"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_families_whose_files_suffice_need_no_torch_and_the_others_are_traced(family: Family, tmp_path: Path) -> None:
    folder = make_of(family, tmp_path / family.name, EMOTIONS)
    files = find_model(settings_for(folder))
    if family.name in DIRECT:
        encoder_graph(folder, read_config(files))
    else:
        with pytest.raises(UnknownArchitectureError):
            encoder_graph(folder, read_config(files))
        traced_graph(files)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_a_text_s_row_does_not_depend_on_its_company(precision: ExactPrecision, tmp_path: Path) -> None:
    model = load(BUNDLED, tmp_path, precision)
    texts = ["I just found out I won, wow!", "this is so sad", "thank you", "why would anybody do that?"]
    alone = np.concatenate([probabilities(model, BUNDLED, [text]) for text in texts])
    for company in (["a"] * 30, ["thanks so much for this, it was a really great help to all of us here " * 2] * 9):
        found = probabilities(model, BUNDLED, [*company, *texts])[len(company) :]
        assert np.abs(found - alone).max() <= OF_ANOTHER_BATCH[precision]


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1e-4), ("bf16", 0.02), ("int8", 0.1)])
def test_the_bundled_model_says_nearly_the_same_at_each_precision(
    precision: ExactPrecision, most: float, tmp_path: Path
) -> None:
    texts = ["I just found out I won, wow!", "this is so sad", "thank you", "why would anybody do that?", ""]
    found = probabilities(load(BUNDLED, tmp_path, precision), BUNDLED, texts)
    np.testing.assert_allclose(found, plain_probabilities(BUNDLED, texts), atol=most, rtol=0)


def test_the_long_and_the_short_share_micro_batches(tiny_model: Path) -> None:
    settings = settings_for(tiny_model, moodmill_engine="openvino")
    texts = [*TEXTS, "", LONG]
    with load_classifier(find_model(settings), settings) as classifier:
        assert classifier.engine == Engine("openvino", "fp32")
        found = classifier.classify(texts)
    assert found.errors == {}
    np.testing.assert_allclose(found.probabilities, plain_probabilities(tiny_model, texts), atol=1e-4, rtol=0)


def test_several_micro_batches_run_at_once_and_mix_up_nothing(tiny_model: Path) -> None:
    settings = settings_for(tiny_model, moodmill_engine="openvino")
    model = load_model(find_model(settings), settings, tuning(lanes=3))
    from moodmill.worker.inference.classifier import Classifier

    texts = [f"{text} {number}" for number in range(20) for text in TEXTS]
    with Classifier(model, TextTokenizer(tiny_model, model.max_tokens), 40) as classifier:
        assert classifier.model_threads == 3
        found = classifier.classify(texts).probabilities
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, texts), atol=1e-4, rtol=0)


def test_a_poisoned_text_costs_only_itself(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_poisoned(tmp_path / "poisoned", tiny_model)
    settings = settings_for(folder, moodmill_engine="openvino")
    with load_classifier(find_model(settings), settings) as classifier:
        outcome = classifier.classify(["i love this", "i hate this", "thanks"])
    assert list(outcome.errors) == [1]
    assert "non-finite" in outcome.errors[1]
    wanted = plain_probabilities(tiny_model, ["i love this", "thanks"])
    np.testing.assert_allclose(outcome.probabilities[[0, 2]], wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"hidden_act": "quick_gelu"}, "its activation is 'quick_gelu'"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"model_type": "abacus"}, "'abacus' is none of bert"),
    ],
    ids=["activation", "decoder", "unknown"],
)
def test_a_config_that_computes_something_else_is_none_of_the_known_families(
    changes: dict[str, object], why: str, tiny_model: Path
) -> None:
    config = read_config(find_model(settings_for(tiny_model)))
    with pytest.raises(UnknownArchitectureError, match=why):
        encoder_graph(tiny_model, config | changes)


def test_weights_that_the_graph_would_leave_out_are_refused(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "more")
    weights = load_file(folder / "model.safetensors")
    weights["bert.encoder.adapter.weight"] = weights["classifier.weight"].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UnknownArchitectureError, match=r"weights of its own: bert\.encoder\.adapter\.weight"):
        encoder_graph(folder, read_config(find_model(settings_for(folder))))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_of_16_bits_are_read_as_what_they_stand_for(dtype: str, tiny_model: Path, tmp_path: Path) -> None:
    import torch

    folder = tmp_path / "half"
    shutil.copytree(tiny_model, folder)
    weights = {name: value.to(getattr(torch, dtype)) for name, value in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    found = probabilities(load(folder, tmp_path), folder, TEXTS)
    np.testing.assert_allclose(found, plain_probabilities(folder, TEXTS), atol=1e-4, rtol=0)


def test_weights_in_several_files_are_read_as_the_index_has_them(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    shutil.copytree(tiny_model, folder)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in parts.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = probabilities(load(folder, tmp_path), folder, TEXTS)
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, TEXTS), atol=1e-4, rtol=0)


def test_weights_that_are_cut_short_are_a_model_error(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot load the model"):
        load(folder, tmp_path)


def test_a_model_without_its_head_is_a_model_error_and_not_random(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "headless")
    weights = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(weights).items() if not name.startswith("classifier")}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"classifier\.(weight|bias)"):
        load(folder, tmp_path)


def test_a_model_that_cannot_be_converted_is_run_by_torch_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from moodmill.worker.inference import conversion

    def refuse(*_: object) -> None:
        raise NotConvertibleError("a loop")

    monkeypatch.setattr(conversion, "_prove", refuse)
    family = next(one for one in FAMILIES if one.name == "ModernBert")
    folder = make_of(family, tmp_path / "strange", EMOTIONS)
    model = load(folder, tmp_path / "cache")
    assert model.engine == Engine("torch", "fp32")
    assert "torch runs the model strange@" in caplog.text
    assert "cannot be converted: a loop" in caplog.text
    asked = WorkerSettings(hf_model_repo=str(folder), moodmill_engine="openvino", moodmill_cache=tmp_path / "cache")
    with pytest.raises(ModelError, match="openvino cannot run the model strange@"):
        load_model(find_model(asked), asked, tuning())
    with pytest.raises(NotRunnableError):
        load_as(find_model(asked), asked, tuning())
