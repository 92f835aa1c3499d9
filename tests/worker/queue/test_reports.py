"""What workers say of themselves in the broker."""

import os
import socket

import pytest
import redis

from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.health import LIFE_S
from moodmill.worker.queue.reports import REPORT_S, worker_reports
from moodmill.worker.telemetry.work import METER, WorkerReport
from tests.support import wait_until

pytestmark = pytest.mark.process


def test_a_worker_that_measures_its_processor_says_so_and_is_forgotten_when_it_ends(
    broker: redis.Redis, queue: Broker
) -> None:
    assert queue.reports() == []
    with METER.measuring(), worker_reports(queue):
        wait_until(lambda: [one.state for one in queue.reports()] == ["measuring"])
        assert queue.statistics().measuring == 1
        assert queue.statistics().workers == 0  # none is ready to take chunks
    assert 0 < broker.ttl(f"moodmill:report:{socket.gethostname()}:{os.getpid()}") <= LIFE_S
    assert LIFE_S > 2 * REPORT_S


def test_what_a_worker_of_another_version_says_is_passed_over(broker: redis.Redis, queue: Broker) -> None:
    broker.set("moodmill:report:elsewhere:1", b'{"state": "asleep"}')
    broker.set("moodmill:report:elsewhere:2", b"no JSON")
    queue.send_report("here:3", WorkerReport(state="ready", tokens_per_s=7.0, model_share=0.5))
    assert queue.reports() == [WorkerReport(state="ready", tokens_per_s=7.0, model_share=0.5)]
    assert (queue.statistics().tokens_per_s, queue.statistics().model_share) == (7.0, 0.5)
