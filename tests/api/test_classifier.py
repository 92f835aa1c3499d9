"""`moodmill.EmotionClassifier`: what a notebook asks, answered as the store's rows are."""

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import moodmill
from tests.support import clean_environment
from tests.worker.builders import TEXTS, plain_probabilities


def load(model: Path) -> moodmill.EmotionClassifier:
    return moodmill.EmotionClassifier.from_pretrained(str(model), precision="fp32", batch_tokens=2048)


def test_probabilities_are_those_of_plain_transformers_in_the_order_of_the_emotions(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        found = classifier.predict_proba([*TEXTS, ""])
    assert found.dtype == np.float32
    assert found.shape == (len(TEXTS) + 1, len(moodmill.EMOTIONS))
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, [*TEXTS, ""]), atol=1e-5, rtol=0)


def test_a_call_ranks_emotions_as_a_pipeline_does(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        [of_several] = classifier(TEXTS[:1])
        of_one = classifier(TEXTS[0])
        assert classifier(TEXTS[0], top_k=3) == classifier(TEXTS[:1], top_k=3)[0] == of_one[:3]
        [row] = classifier.predict_proba(TEXTS[:1])
    assert of_one == of_several
    scores = {score["label"]: score["score"] for score in of_one}
    assert scores == dict(zip(moodmill.EMOTIONS, row.tolist(), strict=True))
    assert list(scores.values()) == sorted(row.tolist(), reverse=True)


def test_its_engine_is_the_one_that_was_asked_for(tiny_model: Path) -> None:
    for engine in ("openvino", "torch"):
        with moodmill.EmotionClassifier.from_pretrained(
            str(tiny_model), engine=engine, precision="fp32", batch_tokens=64
        ) as classifier:
            assert f"{engine} fp32" in classifier.runs_on


def test_no_texts_have_no_probabilities(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        assert classifier.predict_proba([]).shape == (0, 27)
        assert classifier([]) == []


def test_it_knows_the_name_and_the_thresholds_of_its_model(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        assert classifier.name.startswith("tiny@")
        assert list(classifier.thresholds) == list(moodmill.EMOTIONS)


def test_what_are_no_texts_is_refused(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        for wrong in ("one text", [b"bytes"], ["text", None]):
            with pytest.raises(TypeError, match="expected a sequence of texts"):
                classifier.predict_proba(wrong)  # type: ignore[arg-type]


def test_a_lone_surrogate_is_read_as_an_unknown_character(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        odd, plain = classifier.predict_proba(["a \ud800 text", "a \ufffd text"])
        assert odd.tolist() == plain.tolist()


def test_fewer_than_one_emotion_is_refused(tiny_model: Path) -> None:
    with load(tiny_model) as classifier, pytest.raises(moodmill.SettingError, match="top_k is 0: expected 1 to 27"):
        classifier("a text", top_k=0)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"model": "./nowhere"}, moodmill.ModelError, "./nowhere, which does not exist"),
        ({"precision": "int3"}, moodmill.SettingError, "precision is 'int3': expected one of auto, fp32, bf16"),
        ({"engine": "steam"}, moodmill.SettingError, "engine is 'steam': expected one of auto, openvino, torch"),
        ({"max_tokens": 0}, moodmill.SettingError, "max_tokens is 0: expected 1 or more"),
        ({"device": "abacus"}, moodmill.SettingError, "abacus"),
    ],
)
def test_what_cannot_be_loaded_is_an_error_of_a_kind(
    arguments: dict[str, str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as raised:
        moodmill.EmotionClassifier.from_pretrained(**arguments)  # type: ignore[arg-type]
    assert isinstance(raised.value, moodmill.MoodmillError)


def test_a_closed_one_says_so_and_one_that_nobody_holds_ends_its_thread(tiny_model: Path) -> None:
    before = threading.active_count()
    classifier = load(tiny_model)
    assert threading.active_count() > before
    classifier.close()
    classifier.close()
    with pytest.raises(RuntimeError, match="the classifier is closed"):
        classifier(["text"])
    forgotten = load(tiny_model)
    assert len(forgotten(["text"])) == 1
    del forgotten
    gc.collect()
    assert threading.active_count() <= before


def test_settings_of_the_environment_are_neither_read_nor_written(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOODMILL_DEVICE", "abacus")
    monkeypatch.setenv("HF_MODEL_REPO", "./nowhere")
    before = dict(os.environ)
    with load(tiny_model) as classifier:
        classifier(["text"])
    assert dict(os.environ) == before


def test_importing_it_imports_no_other_library_and_names_come_when_they_are_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys; before = set(sys.modules); import moodmill\n"
        "print({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names))\n"
        "print(len(moodmill.EMOTIONS), moodmill.__version__, 'EmotionClassifier' in dir(moodmill))\n"
        "try: moodmill.nothing\n"
        "except AttributeError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "{'moodmill'}",
        f"27 {moodmill.__version__} True",
        "module 'moodmill' has no attribute 'nothing'",
    ]


def test_an_explanation_says_what_each_token_adds_to_each_probability(tiny_model: Path) -> None:
    with load(tiny_model) as classifier:
        explanation = classifier.explain("i love this")
        [row] = classifier.predict_proba(["i love this"])
        np.testing.assert_allclose(explanation.probabilities, row, atol=1e-5, rtol=0)
        [segment] = explanation.segments
        assert [token.piece for token in segment.tokens] == ["[CLS]", "i", "love", "this", "[SEP]"]
        [without] = classifier.predict_proba(["i this"])
        np.testing.assert_allclose(segment.effects[2], row - without, atol=1e-5, rtol=0)
        assert [layer.shape for layer in classifier.explainer.attention(segment)] == [(2, 5, 5)] * 2
        [quick] = classifier.explain("i love this", effects=False).segments
        with pytest.raises(ValueError, match="no token was left out"):
            _ = quick.effects
        with pytest.raises(TypeError, match="expected a text"):
            classifier.explain(["a text"])  # type: ignore[arg-type]
