"""The forward pass gives what plain transformers gives, whatever the batch."""

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
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.repository import BUNDLED, find_model
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.inference.torch_model import choose_device, choose_precision
from tests.support import make_model
from tests.worker.builders import TEXTS, load, make_roberta, plain_probabilities, settings_for, tokenizer_for

LONG = "thanks " * 500


def probabilities(folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """All texts in one batch."""
    model = load(folder)
    tokenizer = TextTokenizer(folder, model.max_tokens)
    return model.probabilities([one.segments[0].ids for one in tokenizer.encode(texts)], tokenizer.pad_id)


def test_probabilities_are_those_of_plain_transformers(tiny_model: Path) -> None:
    texts = [*TEXTS, "", LONG]
    found = probabilities(tiny_model, texts)
    assert found.shape == (len(texts), 27)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, texts), atol=1e-5, rtol=0)
    assert np.ptp(found, axis=0).min() > 0.01, "a model that says the same of every text shows nothing"


def test_a_text_s_probabilities_do_not_depend_on_its_company(tiny_model: Path) -> None:
    alone = probabilities(tiny_model, [TEXTS[0]])
    for company in ([TEXTS[1]], [LONG], [LONG, *TEXTS], ["a"] * 30):
        np.testing.assert_allclose(probabilities(tiny_model, [*company, TEXTS[0]])[-1:], alone, atol=1e-5, rtol=0)


def test_labels_are_mapped_by_name_in_any_order_and_case(tmp_path: Path) -> None:
    labels = [*EMOTIONS, "neutral"]
    random.Random(3).shuffle(labels)
    labels = [label.title() if place % 3 else label.upper() for place, label in enumerate(labels)]
    folder = make_model(tmp_path / "shuffled", labels=labels)

    found = probabilities(folder, TEXTS)

    assert found.shape == (len(TEXTS), 27)
    np.testing.assert_allclose(found, plain_probabilities(folder, TEXTS), atol=1e-5, rtol=0)


def test_missing_emotions_are_named(tmp_path: Path) -> None:
    labels = ["neutral" if name in ("grief", "pride") else name for name in EMOTIONS]
    with pytest.raises(ModelError, match=r"lacks 2 of the 27 emotions among its labels: grief, pride;"):
        load(make_model(tmp_path / "partial", labels=list(dict.fromkeys(labels))))


def test_labels_without_names_are_refused_unless_their_order_is_given(tmp_path: Path) -> None:
    unnamed = make_model(tmp_path / "unnamed", labels=[f"LABEL_{n}" for n in range(28)])
    with pytest.raises(ModelError, match=r"does not name its 28 labels: give their order by MOODMILL_LABELS"):
        load(unnamed)

    order = [*EMOTIONS[::-1], "neutral"]
    settings = settings_for(unnamed, moodmill_labels=",".join(order))
    with load_classifier(find_model(settings), settings) as classifier:
        found = classifier.classify(TEXTS).probabilities

    named = make_model(tmp_path / "named", labels=order)
    np.testing.assert_allclose(found, plain_probabilities(named, TEXTS), atol=1e-5, rtol=0)


def test_a_tokenizer_of_another_model_is_a_model_error(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_model(tmp_path / "mixed")
    shutil.copy(BUNDLED / "tokenizer.json", folder)
    settings = settings_for(folder)
    with pytest.raises(ModelError, match=r"has ids up to \d{5}, the model knows \d+: are they of one model"):
        load_classifier(find_model(settings), settings)


@pytest.mark.parametrize("device", ["toaster", "cuda:99", ""])
def test_a_device_that_is_not_there_is_a_setting_error(device: str) -> None:
    with pytest.raises(SettingError, match=rf"device '{device}' \(MOODMILL_DEVICE\)") as refused:
        choose_device(device)
    assert len(str(refused.value).splitlines()) == 1


def test_on_cpu_the_model_computes_in_full_precision_unless_told_otherwise() -> None:
    cpu = choose_device("cpu")
    assert choose_precision("auto", cpu) == "fp32"
    assert choose_precision("bf16", cpu) == "bf16"


def test_a_roberta_takes_512_tokens_though_its_positions_begin_after_the_padding(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = make_roberta(tmp_path / "roberta", tiny_model, positions=513)
    assert tokenizer_for(folder).limit == 512
    texts = [*TEXTS, "love " * 510]
    np.testing.assert_allclose(probabilities(folder, texts), plain_probabilities(folder, texts), atol=1e-5, rtol=0)


def test_a_roberta_with_fewer_positions_reads_texts_in_shorter_segments(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_roberta(tmp_path / "short", tiny_model, positions=40)
    assert tokenizer_for(folder).limit == 39
    texts = ["love " * 37, "a"]
    np.testing.assert_allclose(probabilities(folder, texts), plain_probabilities(folder, texts), atol=1e-5, rtol=0)
    assert [segment.length for segment in tokenizer_for(folder).encode(["love " * 38])[0].segments] == [21, 21]


def test_weights_that_are_cut_short_are_a_model_error(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "cut")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(ModelError, match="cannot load the model"):
        load(folder)


def test_a_model_without_its_head_is_a_model_error_and_not_random(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "headless")
    weights = folder / "model.safetensors"
    kept = {name: value for name, value in load_file(weights).items() if not name.startswith("classifier")}
    save_file(kept, weights, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"classifier\.(weight|bias)"):
        load(folder)


def test_a_config_of_no_known_architecture_is_a_model_error(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "strange")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "abacus"}))
    with pytest.raises(ModelError, match="cannot load the model") as refused:
        load(folder)
    assert len(str(refused.value).splitlines()) == 1
