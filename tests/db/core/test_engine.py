"""What an engine is called, in ledger and rows."""

import pytest

from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import MoodmillError


def test_an_engine_is_the_same_after_it_was_written() -> None:
    assert str(Engine("openvino", "int8")) == "openvino int8"
    assert Engine.parse("torch bf16") == Engine("torch", "bf16")


@pytest.mark.parametrize("written", ["", "torch", "torch ", "torch fp8", "jax fp32", "torch fp32 "])
def test_what_is_no_engine_is_refused_in_one_line(written: str) -> None:
    with pytest.raises(
        MoodmillError, match=r"is no engine: expected openvino or torch and a precision, fp32, bf16, int8$"
    ):
        Engine.parse(written)
