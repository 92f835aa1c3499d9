"""The gate of a quantised form: what it says beside fp32, of labelled comments or of texts without labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import ExactPrecision
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.quantised import Gate, revision_of, write_gate
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.training.evaluation import classify_all
from moodmill.worker.training.report import judge

OnProgress = Callable[[int], None]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a form is judged on."""

    #: In words.
    name: str
    texts: Sequence[str]
    #: [n, 27] of 0 and 1; None where nobody knows.
    targets: NDArray[np.float32] | None


def judge_form(
    files: ModelFiles,
    digest: str,
    folder: Path,
    settings: WorkerSettings,
    judged: Judged,
    on_progress: OnProgress = lambda _: None,
) -> Gate:
    """Judge the form that was written into a folder, and write its gate there; return it.

    `on_progress` gets how many of 2 n texts are done. Raises ModelError where a text cannot be classified.
    """
    n = len(judged.texts)
    unjudged = Gate(revision=revision_of(files), digest=digest, data=judged.name)
    write_gate(unjudged, folder)  # without one it is no form
    exact = _said(files, settings, "fp32", judged.texts, on_progress)
    quantised = _said(files, settings, "int8", judged.texts, lambda done: on_progress(n + done))
    thresholds = np.array([files.thresholds[name] for name in EMOTIONS], dtype=np.float32)
    apart = np.abs(quantised - exact)
    before, after = (_judged(said, files, judged) for said in (exact, quantised))
    gate = replace(
        unjudged,
        comments=n,
        macro_f1=after[0],
        macro_f1_fp32=before[0],
        expected_calibration_error=after[1],
        expected_calibration_error_fp32=before[1],
        decisions_changed=float(((quantised > thresholds) != (exact > thresholds)).mean()),
        mean_difference=float(apart.mean()),
        largest_difference=float(apart.max()),
    )
    write_gate(gate, folder)
    return gate


def _judged(said: NDArray[np.float32], files: ModelFiles, judged: Judged) -> tuple[float, float] | tuple[None, None]:
    """Return macro-F1 and expected calibration error, where there are labels."""
    if judged.targets is None:
        return None, None
    report = judge(judged.targets, said, files.thresholds)
    return report.macro.f1, report.ece


def _said(
    files: ModelFiles,
    settings: WorkerSettings,
    precision: ExactPrecision,
    texts: Sequence[str],
    on_progress: OnProgress,
) -> NDArray[np.float32]:
    asked = {"moodmill_engine": "openvino", "moodmill_device": "cpu", "moodmill_precision": precision}
    asked_of = settings.model_copy(update={**asked, "moodmill_batch_tokens": 2_048})
    return classify_all(files, asked_of, texts, on_progress)
