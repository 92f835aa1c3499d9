"""What is fastest on this processor is measured once, and remembered where it is sure."""

import json
import logging
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.worker.core import cpu
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference import engines, trials, tuning
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.engines import Tuning, usual_tuning
from moodmill.worker.inference.openvino_model import OpenVinoModel
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.torch_model import TorchModel
from moodmill.worker.inference.tuning import Measurement, measured, remembered_of, tuned
from tests.powercut import Recorder, left
from tests.worker.builders import TEXTS, plain_probabilities, settings_for

FP32 = Engine("openvino", "fp32")
BF16 = Engine("openvino", "bf16")


@pytest.fixture
def open_settings(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerSettings:
    """Settings that leave everything open but the engine, and a short measurement on a quiet machine."""
    monkeypatch.setattr(trials, "ROUNDS", 1)
    monkeypatch.setattr(tuning, "load", lambda: 0.0)
    return settings_for(
        tiny_model,
        moodmill_engine="openvino",
        moodmill_precision="auto",
        moodmill_batch_tokens=None,
        moodmill_tuning=tmp_path / "cache" / "tuning.json",
        moodmill_cache=tmp_path / "cache" / "models",
    )


def measure_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_measure", lambda *_: pytest.fail("measured twice"))


def found_by(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> list[Measurement]:
    """Have each measurement find something else; return what was found."""
    found: list[Measurement] = []

    def measure(*_: object) -> Measurement:
        chosen = Tuning(engine=FP32, threads=1, lanes=1, batch_tokens=1 + len(found))
        usual: dict[str, Any] = {"measured_at": time.time(), "load": 0.0, "spread": 0.0, "rates": {str(FP32): 1.0}}
        found.append(Measurement(tuning=chosen, **(usual | facts)))
        return found[-1]

    monkeypatch.setattr(tuning, "_measure", measure)
    return found


def test_what_was_measured_is_remembered(open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    files = find_model(open_settings)
    found = tuned(files, open_settings)
    assert found.engine in (FP32, BF16)
    assert found.batch_tokens in tuning.BUDGETS
    assert 1 <= found.threads <= cpu.usable_cores()
    remembered = remembered_of(files, open_settings)
    assert remembered is not None
    assert remembered.tuning == found
    assert remembered.rates[str(found.engine)] > 0

    measure_no_more(monkeypatch)
    assert tuned(files, open_settings) == found
    with pytest.raises(pytest.fail.Exception, match="measured twice"):
        # Not by another precision: a CPU that has fp32 alone chooses among nothing else by itself.
        tuned(files, open_settings.model_copy(update={"moodmill_batch_tokens": 77}))


def test_what_was_the_best_of_several_needs_no_measurement_where_it_is_asked_for_alone(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = find_model(open_settings)
    found = tuned(files, open_settings)
    measure_no_more(monkeypatch)
    asked = open_settings.model_copy(update={"moodmill_precision": found.engine.precision})
    assert tuned(files, asked) == found


@pytest.mark.skipif(
    "model name" not in Path("/proc/cpuinfo").read_text(), reason="its processor does not say what it is"
)
def test_a_new_container_on_the_same_processor_measures_nothing(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = tuned(find_model(open_settings), open_settings)
    monkeypatch.setattr(platform, "node", lambda: "9f66d096e6d6")
    cpu.processor.cache_clear()
    measure_no_more(monkeypatch)
    assert tuned(find_model(open_settings), open_settings) == found


@pytest.mark.parametrize(
    ("busy", "why"),
    [({"load": 0.6}, "load 0.6 a core"), ({"spread": 0.2}, "times 20% apart")],
    ids=["others want the cores", "times differ"],
)
def test_what_was_measured_on_a_busy_machine_is_used_for_an_hour_and_then_measured_again(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, busy: dict[str, float], why: str
) -> None:
    found = found_by(monkeypatch, **busy)
    files = find_model(open_settings)
    assert tuned(files, open_settings) == tuned(files, open_settings) == found[0].tuning
    assert not found[0].sure
    assert why in found[0].describe()
    later = time.time() + tuning.UNSURE_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert tuned(files, open_settings) == found[1].tuning


def test_what_was_measured_on_a_quiet_machine_holds_for_good_until_it_is_measured_anew(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = found_by(monkeypatch)
    files = find_model(open_settings)
    assert tuned(files, open_settings) == found[0].tuning
    monkeypatch.setattr(time, "time", lambda: 1e11)
    assert tuned(files, open_settings) == found[0].tuning
    assert found[0].sure
    assert measured(files, open_settings, anew=True) == found[1]
    assert tuned(files, open_settings) == found[1].tuning


def test_a_busy_machine_is_said(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tuning, "load", lambda: 100.0)
    tuned(find_model(open_settings), open_settings)
    assert "the machine was busy while this processor was measured (load " in caplog.text
    assert "measured again when the model is loaded after an hour, or by `moodmill tune`" in caplog.text


def test_where_everything_is_given_nothing_is_measured(open_settings: WorkerSettings) -> None:
    given = open_settings.model_copy(update={"moodmill_precision": "bf16", "moodmill_batch_tokens": 77})
    found = tuned(find_model(given), given)
    assert (found.engine, found.batch_tokens) == (BF16, 77)
    assert not given.moodmill_tuning.exists()


def test_what_is_given_is_kept(open_settings: WorkerSettings) -> None:
    files = find_model(open_settings)
    assert tuned(files, open_settings.model_copy(update={"moodmill_batch_tokens": 77})).batch_tokens == 77
    assert tuned(files, open_settings.model_copy(update={"moodmill_precision": "bf16"})).engine == BF16
    by_torch = open_settings.model_copy(update={"moodmill_engine": "torch"})
    assert tuned(files, by_torch).engine.name == "torch"


def test_a_damaged_memory_is_told_and_measured_anew(
    open_settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    open_settings.moodmill_tuning.parent.mkdir()
    open_settings.moodmill_tuning.write_text("{")
    found = tuned(find_model(open_settings), open_settings)
    assert "cannot read what was measured before" in caplog.text
    caplog.clear()
    assert tuned(find_model(open_settings), open_settings) == found
    assert "cannot read" not in caplog.text


def test_where_nothing_can_be_remembered_the_usual_is_taken(
    open_settings: WorkerSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    nowhere = open_settings.model_copy(update={"moodmill_tuning": tmp_path / "file" / "tuning.json"})
    found = tuned(find_model(nowhere), nowhere)
    usual = BF16 if cpu.has_bf16() else FP32
    assert found == usual_tuning(usual, tuning.BUDGETS[0])
    assert "cannot be remembered" in caplog.text


def test_micro_batches_have_cores_of_their_own_on_openvino_and_all_of_them_on_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lanes = {}
    for cores in (1, 2, 4, 16, 64):
        monkeypatch.setattr("moodmill.worker.inference.engines.usable_cores", lambda cores=cores: cores)
        lanes[cores] = usual_tuning(FP32, 2048).lanes
        assert usual_tuning(Engine("torch", "fp32"), 2048) == Tuning(
            engine=Engine("torch", "fp32"), threads=cores, lanes=1, batch_tokens=2048
        )
    assert lanes == {1: 1, 2: 2, 4: 2, 16: 4, 64: 16}


def test_a_power_cut_costs_nothing_that_was_measured_before(
    open_settings: WorkerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = found_by(monkeypatch)
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
        assert tuned(files, open_settings.model_copy(update={"moodmill_tuning": cut})) == found[0].tuning
    assert len(found) == 2
    assert not caplog.text


def test_a_precision_that_changes_what_the_model_says_is_not_taken(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engines, "has_bf16", lambda: True)
    monkeypatch.setattr(trials, "WORTHWHILE", 0.0)  # whatever is tried is taken, if it may be
    files = find_model(open_settings)
    monkeypatch.setattr(trials, "TOLERANCE", 1e-9)
    assert tuned(files, open_settings).engine == FP32
    assert "is not run by openvino bf16 here: a probability differs by" in caplog.text
    open_settings.moodmill_tuning.unlink()
    monkeypatch.setattr(trials, "TOLERANCE", 1.0)
    assert tuned(files, open_settings).engine == BF16


def raising_in(precision: str, real: Callable[..., NDArray[np.float32]]) -> Callable[..., NDArray[np.float32]]:
    def probabilities(model: Any, ids: list[list[int]], pad_id: int) -> NDArray[np.float32]:
        if model.engine.precision == precision:
            raise RuntimeError("not implemented for 'BFloat16'")
        return real(model, ids, pad_id)

    return probabilities


@pytest.mark.parametrize("kind", [OpenVinoModel, TorchModel])
def test_a_precision_that_the_model_does_not_run_in_is_told_and_not_taken(
    open_settings: WorkerSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[OpenVinoModel] | type[TorchModel],
) -> None:
    name: Any = {OpenVinoModel: "openvino", TorchModel: "torch"}[kind]
    monkeypatch.setattr(engines, "has_bf16", lambda: True)
    monkeypatch.setattr(kind, "probabilities", raising_in("bf16", kind.probabilities))
    settings = open_settings.model_copy(update={"moodmill_engine": name})
    assert tuned(find_model(settings), settings).engine == Engine(name, "fp32")
    assert f"is not run by {name} bf16 here: RuntimeError: not implemented" in caplog.text


def test_an_engine_that_says_something_else_than_the_model_s_own_library_is_not_taken(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = OpenVinoModel.probabilities
    monkeypatch.setattr(OpenVinoModel, "probabilities", lambda *given: 1 - real(*given))
    settings = open_settings.model_copy(update={"moodmill_engine": "auto"})
    assert tuned(find_model(settings), settings).engine.name == "torch"
    assert "a probability differs by" in caplog.text
    remembered = remembered_of(find_model(settings), settings)
    assert remembered is not None
    assert "not openvino" in remembered.describe(), "doctor says so"


def test_where_no_engine_runs_the_model_that_is_an_error_with_all_reasons(
    open_settings: WorkerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for precision in ("bf16", "fp32"):
        monkeypatch.setattr(OpenVinoModel, "probabilities", raising_in(precision, OpenVinoModel.probabilities))
    with pytest.raises(ModelError, match="no engine runs the model tiny"):
        tuned(find_model(open_settings), open_settings)


def test_what_cannot_be_is_a_setting_error(tiny_model: Path) -> None:
    by_torch = settings_for(tiny_model, moodmill_engine="torch", moodmill_precision="int8")
    with pytest.raises(SettingError, match="int8 takes the engine openvino"):
        tuned(find_model(by_torch), by_torch)


def test_the_fastest_way_says_nearly_the_same(
    open_settings: WorkerSettings, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with load_classifier(find_model(open_settings), open_settings) as classifier:
        found = classifier.classify(TEXTS).probabilities
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, TEXTS), atol=0.1, rtol=0)
    assert "measuring this processor, once" in caplog.text
    assert json.loads(open_settings.moodmill_tuning.read_text())
