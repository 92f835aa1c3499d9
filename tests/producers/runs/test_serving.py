"""Whether a worker that lives may classify the chunks of a run."""

import pytest

from moodmill.db.core.engine import Engine, Precision
from moodmill.producers.runs.serving import why_unserved

BF16, INT8 = Engine("torch", "bf16"), Engine("openvino", "int8")


@pytest.mark.parametrize(
    ("engine", "precision", "workers", "expected"),
    [
        (None, "auto", {"torch fp32"}, None),
        (None, "int8", set[str](), None),  # said elsewhere: that no worker is there at all
        (None, "int8", {"torch fp32", "openvino int8"}, None),
        (None, "int8", {"torch fp32"}, "the precision that the run asks for, int8; those that live have torch fp32"),
        (INT8, "auto", {"unknown", "torch fp32"}, None),  # an older worker does not say what it has
        (INT8, "int8", {"openvino int8"}, None),
        (INT8, "auto", {"openvino bf16"}, "the run's engine, openvino int8; those that live have openvino bf16"),
        (
            BF16,
            "auto",
            {"openvino bf16", "torch fp32"},
            "engine, torch bf16; those that live have openvino bf16, torch",
        ),
    ],
)
def test_who_serves_a_run(engine: Engine | None, precision: Precision, workers: set[str], expected: str | None) -> None:
    reason = why_unserved(engine, precision, workers)
    if expected is None:
        assert reason is None
    else:
        assert reason is not None
        assert expected in reason
        assert f"MOODMILL_PRECISION={engine.precision if engine else precision}" in reason
