"""What a worker says of what it does, and how fast."""

import pytest

from moodmill.worker.telemetry.work import WINDOW_S, WorkerReport, WorkMeter, together


def test_a_report_tells_tokens_and_the_share_of_the_time_in_which_model_and_store_worked() -> None:
    meter = WorkMeter()
    meter.report(0.0)
    meter.model.begin(0.0)
    meter.add_tokens(3_000)
    meter.model.end(6.0)
    meter.store.begin(6.0)
    meter.store.end(8.0)
    assert meter.report(8.0) == WorkerReport(state="starting", tokens_per_s=375.0, model_share=0.75, store_share=0.25)


def test_two_threads_at_once_are_no_more_than_the_whole_time_and_what_goes_on_counts() -> None:
    meter = WorkMeter()
    meter.report(0.0)
    meter.model.begin(0.0)
    meter.model.begin(1.0)
    meter.model.end(3.0)
    assert meter.report(4.0).model_share == 1.0


def test_a_report_is_of_the_last_seconds() -> None:
    meter = WorkMeter()
    meter.add_tokens(1_000_000)
    for second in range(100):
        report = meter.report(float(second))
        meter.add_tokens(50)
    assert report.tokens_per_s == pytest.approx(50, rel=2 / WINDOW_S)


def test_a_processor_is_measured_before_the_worker_is_ready() -> None:
    meter = WorkMeter()
    with meter.measuring():
        assert meter.report(1.0).state == "measuring"
    assert meter.report(2.0).state == "starting"
    meter.be_ready()
    assert meter.report(3.0).state == "ready"


def test_workers_together_have_the_sum_of_their_tokens_and_the_mean_of_their_shares() -> None:
    work = together(
        [
            WorkerReport(state="ready", tokens_per_s=100.0, model_share=1.0),
            WorkerReport(state="ready", tokens_per_s=50.0, model_share=0.5, store_share=0.25),
            WorkerReport(state="measuring", tokens_per_s=9.0),
        ]
    )
    assert (work.ready, work.measuring, work.tokens_per_s) == (2, 1, 150.0)
    assert (work.model_share, work.store_share) == (0.75, 0.125)
    assert together([]).ready == 0
