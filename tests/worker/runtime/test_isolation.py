"""A text that kills the process in which it is classified costs only itself."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from moodmill.db.core.errors import WorkerError
from moodmill.worker.runtime import isolation
from moodmill.worker.runtime.isolation import classify_isolated
from tests.support import ROOT
from tests.worker.builders import plain_probabilities, plain_tokenizer, settings_for

INJECT = ROOT / "tests" / "faults" / "inject"


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Sets the fault of the model in processes that start from here on."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(INJECT), *filter(None, [os.environ.get("PYTHONPATH")])]))
    return monkeypatch


def faults(model: Path, **words: str) -> str:
    """A model's faults at texts with these words."""
    token_of = plain_tokenizer(model).convert_tokens_to_ids
    return ",".join(f"{kind.replace('_', '-')}:{token_of(word)}" for kind, word in words.items())


def close(found: NDArray[np.float32], texts: Sequence[str], model: Path) -> None:
    np.testing.assert_allclose(found, plain_probabilities(model, texts), atol=1e-5)


def test_each_text_that_kills_costs_only_itself(fault: pytest.MonkeyPatch, tiny_model: Path) -> None:
    kinds = {"segfault": "hate", "exit": "love", "memory": "much", "hang_with_gil": "thanks"}
    fault.setenv("INJECTED_FAULT", faults(tiny_model, **kinds))
    # each that kills costs the start of another process, where another text follows it
    texts = ["字", "i hate it", "the", "much", "of", "love", "a", "this", "thanks"]
    settings = settings_for(tiny_model, moodmill_stall_seconds=2, moodmill_precision="bf16")
    outcome, engine = classify_isolated(texts, settings)
    assert str(engine) == "openvino fp32"
    assert outcome.errors == {
        1: "ended its process by SIGSEGV",
        3: "MemoryError: ",
        5: "ended its process with status 70",
        8: "took more than 2 s",
    }
    alive = [0, 2, 4, 6, 7]
    close(outcome.probabilities[alive], [texts[row] for row in alive], tiny_model)
    assert np.isnan(outcome.probabilities[[1, 3, 5, 8]]).all()
    assert (outcome.tokens[alive] > 2).all()
    assert (outcome.segments[alive] == 1).all()
    assert outcome.unsupported == ["tokens", *[None] * 8]


def test_where_text_after_text_kills_the_machine_is_to_blame(
    fault: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    monkeypatch.setattr(isolation, "SUSPICIOUS_DEATHS", 2)
    fault.setenv("INJECTED_FAULT", faults(tiny_model, segfault="hate"))
    with pytest.raises(WorkerError, match=r"^2 texts in a row killed .* by SIGSEGV; check this machine$"):
        classify_isolated(["hate", "hate", "thanks"], settings_for(tiny_model))


def test_a_model_that_cannot_be_loaded_is_an_error_and_no_text_s_fault(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WorkerError, match=r"cannot start: the model .*empty has no weights"):
        classify_isolated(["thanks"], settings_for(tmp_path / "empty"))


def test_a_model_that_hangs_when_it_is_warmed_up_is_no_text_s_fault(
    fault: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    fault.setenv("INJECTED_FAULT", "hang-with-gil:any")
    with pytest.raises(WorkerError, match=r"^the process that was to classify texts one by one took more than 2 s$"):
        classify_isolated(["thanks"], settings_for(tiny_model, moodmill_stall_seconds=2))
