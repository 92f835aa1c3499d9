"""How fast a run goes, and how long the rest takes."""

from typing import Any

import pytest

from moodmill.producers.runs.forecast import TOKENS_A_CHARACTER, Forecast, Pace


def pace(forecast: Forecast, labelling_s: float | None, **given: Any) -> Pace:
    plain: dict[str, Any] = {
        "classified": 0, "share": 0.0, "share_read": 1.0, "sent": 1_000, "characters": 200_000, "tokens_per_s": 0.0,
    }  # fmt: skip
    return forecast.pace(labelling_s, **plain | given)


def test_nothing_is_said_before_the_labelling_begins() -> None:
    assert pace(Forecast(), None) == (None, None)


def test_before_the_first_chunk_is_done_the_tokens_tell_how_long_it_takes() -> None:
    forecast = Forecast()
    assert pace(forecast, 0.0) == (None, None)
    tokens = 200_000 * TOKENS_A_CHARACTER
    said = pace(forecast, 2.0, tokens_per_s=tokens / 20)
    assert said.left_s == pytest.approx(18.0)
    assert said.comments_per_s == pytest.approx(50.0)


def test_where_half_is_read_the_other_half_is_counted_too() -> None:
    forecast = Forecast()
    pace(forecast, 0.0)
    tokens = 200_000 * TOKENS_A_CHARACTER
    assert pace(forecast, 2.0, tokens_per_s=tokens / 20, share_read=0.5).left_s == pytest.approx(38.0)


def test_by_the_first_tenth_the_chunks_that_are_done_tell_it() -> None:
    forecast = Forecast()
    pace(forecast, 0.0)
    said = pace(forecast, 10.0, classified=100, share=0.1)
    assert said.comments_per_s == pytest.approx(10.0)
    assert said.left_s == pytest.approx(90.0)


def test_a_run_that_is_resumed_counts_what_it_has_left_alone() -> None:
    forecast = Forecast()
    pace(forecast, 0.0, share=0.5)
    said = pace(forecast, 10.0, classified=100, share=0.6)
    assert said.left_s == pytest.approx(40.0)
