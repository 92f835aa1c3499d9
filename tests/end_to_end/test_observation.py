"""What others see of real processes: a worker, a producer and the schedule."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.supervisor import Supervisor
from tests.end_to_end.test_schedule import jobs, serving
from tests.otlp import receiver
from tests.support import clean_environment, database_of, free_port, wait_until, write_dump

#: Comments of the dump, with a text that is gone among them, and of a chunk.
COMMENTS = 50
CHUNK = 10
#: A line of the text format: name, labels, value.
SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)

Samples = dict[str, float]

#: All that follows looks at one run.
pytestmark = pytest.mark.xdist_group("observation")


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What was seen of a run whose worker came late."""

    #: By the service that sent them.
    spans: list[tuple[str, Span]]

    #: While no worker was there.
    producer: Samples
    waiting: Samples
    #: When all was done.
    worker: Samples
    done: Samples
    #: What `moodmill label` printed.
    summary: str
    #: What worker and schedule have logged by then.
    worker_log: str
    beat_log: str


def scrape(port: int) -> Samples:
    """What a process shows; nothing while it does not listen."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return {name: float(value) for name, value in SAMPLE.findall(answer.read().decode())}
    except (URLError, ConnectionError):
        return {}


@pytest.fixture(scope="module")
def observed(redis_url: str, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    folder = tmp_path_factory.mktemp("observed")
    (folder / "dumps").mkdir()
    (folder / "jobs.toml").write_text(jobs(folder))
    texts = ["i love this", *["thanks so much"] * (COMMENTS - 2), "[deleted]"]
    dump = write_dump(folder / "RC_x", texts)
    dump.write_text(dump.read_text() + "no json\n")
    ports = {name: free_port() for name in ("worker", "producer", "beat")}
    settings = {
        "REDIS_URL": database_of(redis_url, 3),
        "DATABASE_URL": f"sqlite:///{folder / 'moodmill.db'}",
        "HF_MODEL_REPO": str(tiny_model),
        "MOODMILL_CHUNK_COMMENTS": str(CHUNK),
        "MOODMILL_LOG": "json",
    }

    def of(process: str) -> dict[str, str]:
        return settings | {"MOODMILL_METRICS": str(ports[process])}

    command = [sys.executable, "-m", "moodmill.cli.main", "label", str(dump)]
    with (
        receiver() as received,
        serving(folder, of("beat")),
        subprocess.Popen(
            command, cwd=folder, env=clean_environment(**of("producer"), **received.settings), stdout=subprocess.PIPE
        ) as label,
    ):
        wait_until(lambda: scrape(ports["producer"]).get("moodmill_chunks_sent_total") == COMMENTS / CHUNK)
        producer = scrape(ports["producer"])
        wait_until(lambda: scrape(ports["beat"]).get("moodmill_queue_chunks") == COMMENTS / CHUNK)
        waiting = scrape(ports["beat"])
        environment = clean_environment(**of("worker"), **received.settings)
        worker = Supervisor(environment, Broker(environment["REDIS_URL"]), log=folder / "worker.log")
        try:
            summary = label.communicate(timeout=120)[0].decode()
            wait_until(lambda: scrape(ports["beat"]).get("moodmill_taken_chunks") == 0)
            wait_until(lambda: len(received.spans) >= 5 * COMMENTS / CHUNK)
            yield Observed(
                spans=received.spans,
                producer=producer,
                waiting=waiting,
                worker=scrape(ports["worker"]),
                done=scrape(ports["beat"]),
                summary=summary,
                worker_log=(folder / "worker.log").read_text(),
                beat_log=(folder / "serve.log").read_text(),
            )
        finally:
            worker.stop()


def test_a_producer_shows_what_it_reads_and_sends(observed: Observed) -> None:
    seen = observed.producer
    assert seen["moodmill_records_read_total"] == COMMENTS + 1
    assert seen['moodmill_records_skipped_total{reason="deleted"}'] == 1
    assert seen["moodmill_read_dead_letters_total"] == 1
    assert seen["process_resident_memory_bytes"] > 0


def test_the_schedule_shows_what_waits_and_for_whom(observed: Observed) -> None:
    chunks = COMMENTS / CHUNK
    before, after = observed.waiting, observed.done
    for seen in (before, after):
        assert (seen['moodmill_up{part="store"}'], seen['moodmill_up{part="broker"}']) == (1, 1)
        assert (seen["moodmill_dead_letters"], seen["moodmill_failed_chunks"]) == (1, 0)
    assert (before["moodmill_pending_chunks"], after["moodmill_pending_chunks"]) == (chunks, 0)
    assert (before["moodmill_workers"], after["moodmill_workers"]) == (0, 1)
    assert (before["moodmill_oldest_pending_seconds"] > 0, after["moodmill_oldest_pending_seconds"]) == (True, 0)
    assert (after["moodmill_queue_chunks"], after["moodmill_stale_days"]) == (0, 0)


def test_a_worker_shows_its_model_and_what_it_classified(observed: Observed) -> None:
    seen = observed.worker
    classified = COMMENTS - 1
    assert f"classified {classified}" in " ".join(observed.summary.split())
    assert seen["moodmill_comments_total"] == classified
    assert seen["moodmill_tokens_total"] > 3 * classified
    assert seen['moodmill_chunks_total{outcome="done"}'] == COMMENTS / CHUNK
    assert (seen["moodmill_dead_letters_total"], seen["moodmill_chunks_in_work"]) == (0, 0)
    for stage in ("tokenize", "wait", "write"):
        assert seen[f'moodmill_stage_seconds_count{{stage="{stage}"}}'] >= COMMENTS / CHUNK
        assert seen[f'moodmill_stage_seconds_sum{{stage="{stage}"}}'] > 0
    assert seen['moodmill_stage_seconds_count{stage="forward"}'] == seen["moodmill_microbatch_fill_ratio_count"]
    assert 0 < seen["moodmill_microbatch_fill_ratio_sum"] < seen["moodmill_microbatch_fill_ratio_count"]
    assert seen["moodmill_microbatch_padding_ratio_sum"] < 0.2 * seen["moodmill_microbatch_padding_ratio_count"]
    (model,) = (name for name in seen if name.startswith("moodmill_model_info"))
    assert re.search(r'device="cpu",model="tiny",precision="fp32",revision="[0-9a-f]{12}"', model)


def test_worker_and_schedule_log_json_that_says_which_chunk_it_is_about(observed: Observed) -> None:
    worker, beat = ([json.loads(line) for line in log.splitlines()] for log in (observed.worker_log, observed.beat_log))
    for line in (*worker, *beat):
        assert datetime.fromisoformat(line["ts"]).tzinfo == UTC
        assert {"level", "logger", "message", "process"} <= line.keys()
    assert any("waiting for chunks" in line["message"] for line in worker)
    ours = [line for line in worker if line["logger"] == "moodmill.worker.runtime.task" and "chunk" in line]
    assert sorted(line["chunk"] for line in ours) == list(range(COMMENTS // CHUNK))
    assert {f"chunk {line['run']}/{line['chunk']}" for line in ours} == {line["message"].split(":")[0] for line in ours}
    # and what Celery says of a task
    assert all("run" in line for line in worker if "succeeded in" in line["message"])
    assert not {"love", "thanks"} & set(re.findall(r"\w+", observed.worker_log + observed.beat_log))


def test_a_chunk_is_one_trace_from_producer_to_worker(observed: Observed) -> None:
    by_trace: dict[bytes, dict[str, tuple[str, Span]]] = {}
    for service, span in observed.spans:
        by_trace.setdefault(span.trace_id, {})[span.name] = (service, span)
    assert len(by_trace) == COMMENTS / CHUNK
    for steps in by_trace.values():
        parents = {name: span.parent_span_id for name, (_, span) in steps.items()}
        ids = {name: span.span_id for name, (_, span) in steps.items()}
        process = ids["process"]
        assert parents == {
            "send": b"",
            "process": ids["send"],
            "tokenize": process,
            "forward": process,
            "write": process,
        }
        services = {name: service for name, (service, _) in steps.items()}
        assert services == {**dict.fromkeys(steps, "moodmill-worker"), "send": "moodmill-producer"}
        chunks = [
            {one.key: one.value.int_value for one in steps[name][1].attributes}["moodmill.chunk"]
            for name in ("send", "process")
        ]
        assert chunks[0] == chunks[1]
