"""Static int8: a form is made by a run's first texts or by `quantize`, judged, and used where it may be."""

import json
import logging
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import ModelError
from moodmill.worker.core import cpu
from moodmill.worker.inference import engines
from moodmill.worker.inference.quantised import Gate, quantised_form, write_gate
from moodmill.worker.inference.repository import BUNDLED, FILES, INT8_FILES, find_model
from tests.support import make_model, moodmill, write_dump
from tests.worker.builders import settings_for

TEXTS = [f"i love this so much, thanks {'the a of this ' * (n % 7)}{n}" for n in range(60)]
PASSED = {
    "comments": 10,
    "macro_f1": 0.5,
    "macro_f1_fp32": 0.501,
    "expected_calibration_error": 0.01,
    "expected_calibration_error_fp32": 0.01,
    "decisions_changed": 0.001,
    "mean_difference": 0.001,
    "largest_difference": 0.1,
}


@pytest.fixture
def nncf() -> None:
    """What makes the forms; a test that needs it is skipped elsewhere than in continuous integration."""
    pytest.importorskip("nncf")
    logging.getLogger("nncf").setLevel(logging.ERROR)


def gate(**changes: float | None) -> Gate:
    return Gate(revision="r", digest="d", data="dev", **(PASSED | changes))  # type: ignore[arg-type]


def test_a_form_within_all_limits_passes() -> None:
    assert gate().passed


@pytest.mark.parametrize(
    "changes",
    [
        {"macro_f1": 0.498},
        {"expected_calibration_error": 0.0111},
        {"decisions_changed": 0.005},
        {"mean_difference": 0.004},
        {"macro_f1": None},
        {"expected_calibration_error": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_form_beyond_one_limit_or_without_labels_does_not_pass(changes: dict[str, float | None]) -> None:
    assert not gate(**changes).passed


def test_the_bundled_model_s_form_passed_and_is_of_its_weights() -> None:
    settings = settings_for(BUNDLED, moodmill_precision="auto")
    form = quantised_form(find_model(settings), settings.moodmill_cache)
    assert form is not None, "the weights are others than those that it was made of: `make model`"
    assert form.gate.passed


@pytest.mark.parametrize("has_int8", [True, False])
def test_it_is_taken_unasked_only_where_the_processor_multiplies_8_bits(
    has_int8: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "has_int8", lambda: has_int8)
    settings = settings_for(BUNDLED, moodmill_precision="auto")
    found = engines.engines(find_model(settings), settings)
    assert (Engine("openvino", "int8") in found) == has_int8


def test_a_form_of_other_weights_is_none(tiny_model: Path, tmp_path: Path) -> None:
    files = find_model(settings_for(tiny_model))
    folder = tmp_path / f"{files.name.partition('@')[2]}-int8"
    folder.mkdir()
    write_gate(gate(), folder)
    assert quantised_form(files, tmp_path) is None


def test_a_form_beside_weights_of_one_commit_of_the_hub_is_theirs_and_is_fetched_with_them(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "snapshot")
    for name in INT8_FILES:
        (folder / name).touch()
        assert name in FILES
    write_gate(gate(), folder)
    files = find_model(settings_for(folder))
    assert quantised_form(files, tmp_path) is None, "a folder's weights may be others by now"
    form = quantised_form(replace(files, pinned=True), tmp_path)
    assert form is not None
    assert form.gate == gate()


def test_a_form_that_lacks_a_file_is_a_model_error(tiny_model: Path, tmp_path: Path) -> None:
    files = find_model(settings_for(tiny_model))
    revision = files.name.partition("@")[2]
    folder = tmp_path / f"{revision}-int8"
    folder.mkdir()
    write_gate(Gate(revision=revision, digest="d", data="dev"), folder)
    with pytest.raises(ModelError, match=r"lacks int8\.xml: `moodmill quantize` makes it anew"):
        quantised_form(files, tmp_path)


def test_int8_of_a_model_without_a_form_is_refused_in_a_line(tmp_path: Path) -> None:
    settings = {"HF_MODEL_REPO": str(make_model(tmp_path / "plain")), "MOODMILL_PRECISION": "int8"}
    done = moodmill("classify", "text", cwd=tmp_path, settings=settings)
    assert done.returncode != 0
    assert "has no int8 form: `moodmill quantize` makes one" in done.stderr


@pytest.mark.usefixtures("nncf")
def test_a_run_that_asks_for_int8_makes_the_form_by_its_first_texts_and_says_how_far_it_is(tmp_path: Path) -> None:
    model = make_model(tmp_path / "mine", initializer_range=0.1)
    write_dump(tmp_path / "RC_x", TEXTS)
    settings = {"MOODMILL_CACHE": str(tmp_path / "cache"), "HF_MODEL_REPO": str(model)}
    first = moodmill("label", "RC_x", "--precision", "int8", "--store", "a.db", cwd=tmp_path, settings=settings)
    assert first.returncode == 0, first.stderr
    assert "int8 beside fp32, on " in first.stderr
    with sqlite3.connect(tmp_path / "a.db") as connection:
        found = connection.execute("select distinct engine from comment_emotion").fetchall()
    assert found == [("openvino int8",)]
    again = moodmill("label", "RC_x", "--precision", "int8", "--store", "b.db", cwd=tmp_path, settings=settings)
    assert "making the int8 form" not in again.stderr, "it is kept"


@pytest.mark.usefixtures("nncf")
def test_quantize_judges_a_form_by_labelled_comments(tmp_path: Path) -> None:
    model = make_model(tmp_path / "mine", initializer_range=0.1)
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "dev"):
        (data / f"{split}.tsv").write_text("".join(f"{text}\t{n % 27}\tid{n}\n" for n, text in enumerate(TEXTS)))
    settings = {"MOODMILL_CACHE": str(tmp_path / "cache")}
    done = moodmill("quantize", str(model), "--data", str(data), "--json", cwd=tmp_path, settings=settings)
    said = json.loads(done.stdout)
    assert said["comments"] == len(TEXTS)
    assert said["macro_f1_fp32"] is not None
    assert said["mean_difference"] < 0.05
    assert (Path(said["folder"]) / "int8.xml").is_file()
    shown = moodmill("quantize", str(model), "--data", str(data), "--beside", cwd=tmp_path, settings=settings).stdout
    assert "decisions changed" in shown
    assert (model / "int8.json").is_file()


def test_quantize_with_nothing_to_find_scales_from_is_refused(tmp_path: Path) -> None:
    done = moodmill("quantize", "bundled", cwd=tmp_path)
    assert done.returncode != 0
    assert "name SOURCEs, --data or both" in done.stderr


def test_the_instructions_of_this_processor_are_read() -> None:
    assert cpu.instructions() or not Path("/proc/cpuinfo").exists()
    assert cpu.usable_cores() >= 1
