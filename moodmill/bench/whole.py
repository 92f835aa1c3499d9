"""The whole way: a dump, Redis, Celery workers, a SQL store; timed from the moment that the workers are ready."""

import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from moodmill.bench.figures import Figures
from moodmill.bench.machine import peak_memory_mib
from moodmill.bench.null_model import COST
from moodmill.bench.sample import write_dump
from moodmill.bench.spending import cpu_seconds, spending
from moodmill.db.analytics.reads import status
from moodmill.db.core.comment import Comment
from moodmill.db.core.settings import read_settings
from moodmill.db.database.store import Store
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.run import OpenRun
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.embedded import embedded_broker
from moodmill.worker.runtime.supervisor import Supervisor, local_worker

#: Seconds for the workers to be ready; a large model takes its time.
READY_S: Final = 600.0
#: What is labelled before anything is timed.
FIRST: Final = [Comment(id="first", text="a first text", position=0)]
#: What the way of real comments through a real model is called.
WHOLE: Final = "whole way"


def whole_way(
    dump: Path,
    count: int,
    store: Store,
    *,
    workers: int = 1,
    null_microseconds: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Figures:
    """Label a dump of `count` comments; with a null model for tokenizer and model that costs so much a character.

    `environment`: settings of the workers.
    """
    with ExitStack() as stack:
        server = stack.enter_context(embedded_broker())
        url = server.url
        broker = Broker(url)
        database_url = store.url.render_as_string(hide_password=False)
        given = {**(environment or {}), "REDIS_URL": url, "DATABASE_URL": database_url}
        app = "moodmill.worker"
        if null_microseconds is not None:
            given[COST], app = str(null_microseconds), "moodmill.bench.null_model"
        started = [stack.enter_context(local_worker(given, broker, app=app)) for _ in range(workers)]

        def check() -> None:
            for one in started:
                one.check()

        _await_ready(started, broker)
        with tempfile.TemporaryDirectory(prefix="moodmill-bench-") as folder:
            first = Path(folder) / "RC_first"
            write_dump(first, FIRST)
            _label(first, store, broker, check)  # a worker's heart beats some moments before it takes chunks
        pids = [one.pid for one in started]
        workers_before, servers_before = cpu_seconds(pids), cpu_seconds([server.process.pid])
        with spending() as spent:
            run = _label(dump, store, broker, check)
        workers_spent = cpu_seconds(pids) - workers_before
        servers_spent = cpu_seconds([server.process.pid]) - servers_before
        memory = [peak_memory_mib(), *(peak_memory_mib(one.pid) for one in started)]
    found = status(store, run)
    if found.classified != count:
        raise RuntimeError(f"expected {count} comments to be classified, {found.classified} are; {found.dead} are dead")
    several = f", {workers} workers" if workers > 1 else ""
    name = WHOLE if null_microseconds is None else f"{WHOLE} without a model{several}"
    return Figures(
        name=name,
        comments=count,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds + workers_spent,
        server_cpu_seconds=servers_spent,
        memory_mib=max(memory),
    )


def _await_ready(started: list[Supervisor], broker: Broker) -> None:
    """Wait for heartbeats of all workers, which come once the model is warm."""
    deadline = time.monotonic() + READY_S
    while broker.count_workers() < len(started):
        for one in started:
            one.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"the workers were not ready in {READY_S:g} s")
        time.sleep(0.1)


def _label(dump: Path, store: Store, broker: Broker, check: Callable[[], None]) -> str:
    run = open_run(store, [dump], RunOptions())
    opened = OpenRun(store, broker, run, read_settings(ProducerSettings), lambda _: None, check)
    opened.feed()
    opened.wait()
    return run
