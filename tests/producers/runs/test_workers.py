"""What a run is at, and what it waits for."""

import pytest

from moodmill.producers.runs.workers import Phase, Wait, phase_of, wait_of
from moodmill.worker.telemetry.work import State, WorkerReport, together

Of = list[State]


@pytest.mark.parametrize(
    ("states", "classified", "waiting", "phase"),
    [
        ([], 0, 0, "reading"),
        ([], 0, 5, "starting"),
        (["starting"], 0, 5, "starting"),
        (["measuring"], 0, 5, "measuring"),
        (["measuring", "ready"], 0, 5, "labelling"),
        (["ready"], 0, 0, "reading"),
        ([], 5, 0, "labelling"),
    ],
)
def test_a_run_is_labelled_once_a_worker_is_ready(states: Of, classified: int, waiting: int, phase: Phase) -> None:
    work = together([WorkerReport(state=state) for state in states])
    assert phase_of(work, classified, waiting) == phase


@pytest.mark.parametrize(
    ("model", "store", "is_read", "waited"),
    [
        (0.98, 0.1, False, "model"),
        (0.3, 0.9, False, "store"),
        (0.2, 0.1, False, "reading"),
        (0.2, 0.1, True, "model"),
    ],
)
def test_a_run_waits_for_what_is_busy_and_for_the_reading_where_nothing_is(
    model: float, store: float, is_read: bool, waited: Wait
) -> None:
    work = together([WorkerReport(state="ready", model_share=model, store_share=store)])
    assert wait_of(work, is_read=is_read) == waited
    assert wait_of(together([]), is_read=is_read) is None
