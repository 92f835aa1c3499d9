"""Prometheus takes its files; their rules speak of metrics that there are, and each alert fires when it should."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest

from moodmill.db.database.store import Store
from moodmill.producers.runs import metrics as producers_metrics
from moodmill.producers.schedule.gauges import OverviewCollector
from moodmill.producers.schedule.jobs import Job
from moodmill.producers.schedule.status import StatusCollector
from moodmill.worker.queue.broker import Broker
from moodmill.worker.telemetry import metrics as worker_metrics
from moodmill.worker.telemetry.exposition import exposed
from tests.support import free_port, program, wait_until

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
#: What Prometheus itself knows of a target.
ITS_OWN = {"up"}


@pytest.fixture
def overview(sqlite_store: Store, own_redis_url: str) -> OverviewCollector:
    jobs = {"nightly": Job(cron="15 3 * * *", files=["dumps"])}
    broker = Broker(own_redis_url)
    return OverviewCollector(StatusCollector(sqlite_store, jobs, broker=broker, with_runs=False))


def names(registry: CollectorRegistry) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+) ", generate_latest(registry).decode(), re.MULTILINE))


@pytest.mark.parametrize(
    "check", ["check config prometheus.yml", "check rules alerts.yml", "test rules alerts.test.yml"]
)
def test_prometheus_takes_the_files_and_each_alert_fires_when_it_should(check: str) -> None:
    done = subprocess.run(
        [program("promtool"), *check.split()], cwd=FOLDER, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried_in_good_and_in_bad_times_and_says_how_bad_it_is_and_what_to_do() -> None:
    tests = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]
    tried = [case for test in tests for case in test["alert_rule_test"]]
    for rule in RULES:
        cases = [case["exp_alerts"] for case in tried if case["alertname"] == rule["alert"]]
        assert [] in cases, rule["alert"]
        assert any(cases), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert re.fullmatch(r"docs/how-to/operations\.md#[a-z-]+", rule["annotations"]["runbook"])


def test_the_rules_speak_of_metrics_that_processes_show(overview: OverviewCollector) -> None:
    assert producers_metrics.READ
    assert worker_metrics.COMMENTS
    scraped = CollectorRegistry()
    scraped.register(overview)
    known = names(REGISTRY) | names(scraped) | ITS_OWN
    for rule in RULES:
        used = set(re.findall(r"\b(?:moodmill_\w+|process_\w+|up)\b", rule["expr"]))
        assert used, rule["expr"]
        assert used <= known, rule["expr"]


def test_a_job_keeps_its_name_in_prometheus(overview: OverviewCollector, tmp_path: Path) -> None:
    # given a schedule that shows its metrics, where the configuration says that beat is
    shown, listening = free_port(), free_port()
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    beat = next(one for one in config["scrape_configs"] if one["job_name"] == "beat")
    beat["static_configs"] = [{"targets": [f"127.0.0.1:{shown}"]}]
    config["global"]["scrape_interval"] = "1s"
    config["scrape_configs"] = [beat]
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    arguments = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]

    def answer(query: str) -> list[Any]:
        try:
            with urlopen(f"http://127.0.0.1:{listening}/api/v1/query?query={quote(query)}", timeout=5) as got:
                found: list[Any] = json.load(got)["data"]["result"]
                return found
        except OSError:
            return []

    with (
        exposed(f"127.0.0.1:{shown}", overview),
        subprocess.Popen(
            [program("prometheus"), *arguments, f"--web.listen-address=127.0.0.1:{listening}"],
            stderr=subprocess.DEVNULL,
        ) as prometheus,
    ):
        try:
            # then what is of a job of the schedule is found by its name
            wait_until(lambda: answer('moodmill_job_overdue_seconds{job="nightly"}'))
            wait_until(lambda: answer('moodmill_up{job="beat",part="store"} == 1'))
        finally:
            prometheus.terminate()
