"""How everything stands, as metrics: read from store and broker each time that Prometheus asks for them."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moodmill.db.core.errors import MoodmillError
from moodmill.producers.schedule.status import JobStanding, StatusCollector, Stored
from moodmill.worker.queue.broker import QueueStatistics

logger = logging.getLogger(__name__)

#: Names and meanings, in the order of the values below.
OF_BROKER: Final = {
    "moodmill_queue_chunks": "Chunks in the broker's queue.",
    "moodmill_taken_chunks": "Chunks that a worker took, and has not acknowledged.",
    "moodmill_workers": "Workers that sent a heartbeat lately.",
    "moodmill_quarantine_messages": "Messages of somebody else's in quarantine, the latest 100 at most.",
    "moodmill_workers_measuring": "Workers that measure their processor, as each does once.",
    "moodmill_workers_tokens_per_second": "Tokens that all workers together classify in a second, lately.",
    "moodmill_workers_model_share": "The mean share of the time in which the workers' models work: 1 is their limit.",
}
OF_STORE: Final = {
    "moodmill_pending_chunks": "Chunks that wait or are in work, as the ledger has it.",
    "moodmill_failed_chunks": "Chunks that failed.",
    "moodmill_dead_letters": "Dead letters in the store.",
    "moodmill_oldest_pending_seconds": "Seconds since the oldest pending chunk was added.",
    "moodmill_stale_days": "Days and months whose roll-ups are behind the rows.",
}
OF_JOB: Final = {
    "moodmill_job_last_success_timestamp_seconds": "When a job ended well, the last time.",
    "moodmill_job_last_start_timestamp_seconds": "When a job was begun, the last time.",
    "moodmill_job_failed": "Whether a job failed the last time that it ended.",
    "moodmill_job_overdue_seconds": "Seconds since a job was due, where it has neither succeeded since nor is at work.",
}


class OverviewCollector(Collector):
    """Asks store and broker when it is asked. A server that is away is moodmill_up 0, and a line in the log."""

    def __init__(self, collector: StatusCollector) -> None:
        self._lookout = collector
        self._away: set[str] = set()

    def describe(self) -> list[Metric]:
        """Return nothing: whoever registers this is not to ask the servers."""
        return []

    def collect(self) -> Iterator[Metric]:
        seen = self._lookout.look()
        up = GaugeMetricFamily("moodmill_up", "Whether a server answers.", labels=["part"])
        for part, found in (("store", seen.store), ("broker", seen.broker)):
            if found is not None:
                up.add_metric([part], float(not isinstance(found, MoodmillError)))
                self._tell(part, found)
        yield up
        if isinstance(seen.broker, QueueStatistics):
            queue = seen.broker
            waiting = (queue.queued, queue.taken, queue.workers, queue.quarantined)
            work = (queue.measuring, queue.tokens_per_s, queue.model_share)
            yield from _gauges(OF_BROKER, (*waiting, *work))
        if isinstance(seen.store, Stored):
            left = seen.store.backlog
            oldest = (seen.at - left.oldest_pending_at).total_seconds() if left.oldest_pending_at else 0.0
            values = (left.pending_chunks, left.failed_chunks, left.dead_letters, oldest, left.stale_periods)
            yield from _gauges(OF_STORE, values)
            yield from _of_jobs(seen.store.jobs)

    def _tell(self, part: str, found: object) -> None:
        if isinstance(found, MoodmillError) and part not in self._away:
            self._away.add(part)
            logger.warning("no metrics of the %s: %s", part, found)
        elif not isinstance(found, MoodmillError) and part in self._away:
            self._away.remove(part)
            logger.warning("the %s is back", part)


def _gauges(described: Mapping[str, str], values: Iterable[float]) -> Iterator[Metric]:
    for (name, meaning), value in zip(described.items(), values, strict=True):
        yield GaugeMetricFamily(name, meaning, value=value)


def _of_jobs(jobs: Mapping[str, JobStanding]) -> Iterator[Metric]:
    """A metric each, with a value for each job that it is known of."""
    gauges = [GaugeMetricFamily(name, meaning, labels=["job"]) for name, meaning in OF_JOB.items()]
    for job, standing in jobs.items():
        for gauge, value in zip(gauges, _values(standing), strict=True):
            if value is not None:
                gauge.add_metric([job], value)
    yield from gauges


def _values(of: JobStanding) -> tuple[float | None, ...]:
    succeeded = of.succeeded and of.succeeded.ended_at
    return (
        succeeded.timestamp() if succeeded else None,
        of.begun.started_at.timestamp() if of.begun else None,
        float(of.ended.state in ("failed", "lost")) if of.ended else None,
        of.overdue_s,
    )
