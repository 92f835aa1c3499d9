"""What is fastest on this CPU is measured once and remembered."""

import logging
import platform
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference import tuning
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.model import EmotionModel
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.tuning import Tuning, tuned
from tests.powercut import Recorder, left
from tests.worker.builders import TEXTS, plain_probabilities, settings_for


@pytest.fixture
def open_settings(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerSettings:
    """Settings that leave everything open, and a short measurement."""
    monkeypatch.setattr(tuning, "ROUNDS", 1)
    path = tmp_path / "cache" / "tuning.json"
    return settings_for(tiny_model, moodmill_precision="auto", moodmill_batch_tokens=None, moodmill_tuning=path)


def test_what_was_measured_is_remembered(open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    files = find_model(open_settings)
    found = tuned(files, open_settings)
    assert found.precision in ("fp32", "bf16")
    assert found.batch_tokens in tuning.BUDGETS
    assert 1 <= found.threads <= torch.get_num_threads()

    def measure_again(*_: object) -> Tuning:
        raise AssertionError("measured twice")

    monkeypatch.setattr(tuning, "_measure", measure_again)
    assert tuned(files, open_settings) == found
    with pytest.raises(AssertionError, match="measured twice"):
        # Not by another precision: a CPU that has fp32 alone chooses among nothing else by itself.
        tuned(files, open_settings.model_copy(update={"moodmill_batch_tokens": 77}))


@pytest.mark.skipif(
    "model name" not in Path("/proc/cpuinfo").read_text(), reason="its processor does not say what it is"
)
def test_a_new_container_on_the_same_processor_measures_nothing(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tuned(find_model(open_settings), open_settings)
    monkeypatch.setattr(platform, "node", lambda: "9f66d096e6d6")
    monkeypatch.setattr(tuning, "_measure", lambda *_: pytest.fail("measured twice"))
    assert tuned(find_model(open_settings), open_settings) == found


def test_where_everything_is_given_nothing_is_measured(open_settings: WorkerSettings) -> None:
    given = open_settings.model_copy(update={"moodmill_precision": "bf16", "moodmill_batch_tokens": 77})
    found = tuned(find_model(given), given)
    assert (found.precision, found.batch_tokens) == ("bf16", 77)
    assert not given.moodmill_tuning.exists()


def test_what_is_given_is_kept(open_settings: WorkerSettings) -> None:
    files = find_model(open_settings)
    assert tuned(files, open_settings.model_copy(update={"moodmill_batch_tokens": 77})).batch_tokens == 77
    assert tuned(files, open_settings.model_copy(update={"moodmill_precision": "bf16"})).precision == "bf16"


def test_a_damaged_memory_is_told_and_measured_anew(
    open_settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    open_settings.moodmill_tuning.parent.mkdir()
    open_settings.moodmill_tuning.write_text("{")
    found = tuned(find_model(open_settings), open_settings)
    assert "cannot read what was measured before" in caplog.text
    caplog.clear()
    assert tuned(find_model(open_settings), open_settings) == found
    assert not caplog.text


def test_where_nothing_can_be_remembered_the_usual_is_taken(
    open_settings: WorkerSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = open_settings.model_copy(update={"moodmill_tuning": tmp_path / "file" / "tuning.json"})
    found = tuned(find_model(nowhere), nowhere)
    assert found == Tuning(precision="fp32", threads=torch.get_num_threads(), batch_tokens=tuning.BUDGETS[0])
    assert "cannot be remembered" in caplog.text


def test_a_power_cut_costs_nothing_that_was_measured_before(
    open_settings: WorkerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    measured: list[Tuning] = []

    def measure(*_: object) -> Tuning:
        measured.append(Tuning(precision="fp32", threads=1, batch_tokens=1 + len(measured)))
        return measured[-1]

    monkeypatch.setattr(tuning, "_measure", measure)
    files, path = find_model(open_settings), open_settings.moodmill_tuning
    tuned(files, open_settings)
    recorder = Recorder(path.parent)
    with recorder.recording():
        tuned(files, open_settings.model_copy(update={"moodmill_batch_tokens": 77}))
    caplog.clear()
    states = recorder.states()
    assert len({state[path.name] for state in states}) == 2
    for number, state in enumerate(states):
        cut = left(state, tmp_path / str(number)) / path.name
        assert tuned(files, open_settings.model_copy(update={"moodmill_tuning": cut})) == measured[0]
    assert len(measured) == 2
    assert not caplog.text


def test_a_precision_that_changes_what_the_model_says_is_not_taken(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "_precisions", lambda: ["fp32", "bf16"])
    monkeypatch.setattr(tuning, "WORTHWHILE", 0.0)  # whatever is tried is taken, if it may be
    files = find_model(open_settings)
    monkeypatch.setattr(tuning, "TOLERANCE", 1e-6)
    assert tuned(files, open_settings).precision == "fp32"
    open_settings.moodmill_tuning.unlink()
    monkeypatch.setattr(tuning, "TOLERANCE", 1.0)
    assert tuned(files, open_settings).precision == "bf16"


def test_a_precision_that_the_model_does_not_run_in_is_told_and_not_taken(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tuning, "_precisions", lambda: ["fp32", "bf16"])
    real = EmotionModel.probabilities

    def probabilities(model: EmotionModel, ids: list[list[int]], pad_id: int) -> NDArray[np.float32]:
        if model.precision == "bf16":
            raise RuntimeError("not implemented for 'BFloat16'")
        return real(model, ids, pad_id)

    monkeypatch.setattr(EmotionModel, "probabilities", probabilities)
    assert tuned(find_model(open_settings), open_settings).precision == "fp32"
    assert "does not run in bf16 here: RuntimeError: not implemented" in caplog.text


def test_the_fastest_way_says_nearly_the_same(
    open_settings: WorkerSettings, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with load_classifier(find_model(open_settings), open_settings) as classifier:
        found = classifier.classify(TEXTS).probabilities
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, TEXTS), atol=0.1, rtol=0)
    assert "measuring once what is fastest" in caplog.text
