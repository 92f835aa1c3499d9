"""The schedule, as its users run it: dumps in a watched folder are in the roll-ups with nobody touching anything."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import insert, text

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import StoreError
from moodmill.db.database.schema import job_run
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Owner
from moodmill.db.results.models import register_model
from moodmill.producers.runs import labelling
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.sample import SAMPLE
from moodmill.producers.schedule import job_runner
from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.supervisor import local_worker
from tests.db.builders import classified, comments, stored
from tests.end_to_end.conftest import Fleet
from tests.support import clean_environment, free_port, moodmill, moodmill_here, wait_until, write_dump


def jobs(folder: Path) -> str:
    """Describe a job that is named as the folder: tests share a store, and no two of them a job."""
    return f'[{folder.name}]\ncron = "15 3 * * *"\nfiles = ["dumps"]\nsettled = 0\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "jobs.toml").write_text(jobs(tmp_path))
    return tmp_path


@contextmanager
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that keeps what is sent to it: its URL, and that."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", told
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving(folder: Path, settings: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `moodmill schedule serve` as a process of its own, and stop it as a container is stopped."""
    command = [sys.executable, "-m", "moodmill.cli.main", "schedule", "serve"]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=clean_environment(**settings), stdout=log, stderr=log)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (folder / "serve.log").read_text()
    finally:
        process.kill()
        process.wait()


def asked(store: Store, sql: str) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(text(sql)).all())


def run(folder: Path, fleet: Fleet) -> dict[str, Any]:
    done = moodmill_here("schedule", "run", folder.name, "--json", cwd=folder, settings=fleet.settings)
    said: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if said["succeeded"] else 1), done.stderr
    return said


def test_a_job_labels_each_new_or_grown_file_once(folder: Path, fleet: Fleet) -> None:
    assert (run(folder, fleet)["runs"], run(folder, fleet)["comments"]) == ([], 0)
    dump = write_dump(
        folder / "dumps" / "RC_2031-01.ndjson", ["one", "two"], author=folder.name, created_utc=1_925_000_000
    )
    assert run(folder, fleet)["comments"] == 2
    assert run(folder, fleet)["comments"] == 0
    write_dump(dump, ["one", "two", "three"], author=folder.name, created_utc=1_925_000_000)
    assert run(folder, fleet)["comments"] == 3
    assert fleet.query("select comments from rollup_day where day = '2031-01-01'") == [(3,)]


def test_a_file_that_cannot_be_read_fails_the_job_and_not_the_other_files(folder: Path, fleet: Fleet) -> None:
    broken = folder / "dumps" / "RC_2005-12.zst"
    broken.write_bytes(SAMPLE.read_bytes()[:-100])
    os.utime(broken, (0, 0))
    write_dump(folder / "dumps" / "RC_2032-01.ndjson", ["one", "two"], author=folder.name)
    with webhook() as (url, told):
        (folder / "jobs.toml").write_text(f'{jobs(folder)}webhook = "{url}"\n')
        said = run(folder, fleet)
        assert not said["succeeded"]
        assert len(said["runs"]) == 2
        assert [one["state"] for one in told] == ["failed"]
        assert broken.name in " ".join(told[0]["errors"])
        # and the file is not tried again until it has changed
        assert run(folder, fleet)["succeeded"]
        assert len(told) == 1
        broken.write_bytes(SAMPLE.read_bytes())
        assert run(folder, fleet)["succeeded"]


def test_a_run_whose_file_is_not_what_it_was_is_given_up_once(folder: Path, fleet: Fleet) -> None:
    # given a run of the job that was broken off before anything was read, and whose file is another one now
    dump = write_dump(folder / "dumps" / "RC_2033-01.ndjson", ["one"], author=folder.name)
    store = Store(fleet.settings["DATABASE_URL"])
    store.prepare()
    broken_off = open_run(store, [dump], RunOptions(), Owner(job=folder.name))
    store.close()
    write_dump(dump, ["one", "two"], author=folder.name, created_utc=1_700_000_000)

    # then that is told, and what lies there now is labelled
    said = run(folder, fleet)
    assert (broken_off in " ".join(said["errors"]), said["comments"]) == (True, 2)
    assert run(folder, fleet)["succeeded"]


def test_what_went_wrong_before_a_job_was_broken_off_is_told_by_its_next_outcome(
    folder: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a job that is stopped when it has labelled a file that breaks off in the middle, and comes to the next one
    broken = folder / "dumps" / "RC_2005-12.zst"
    broken.write_bytes(SAMPLE.read_bytes()[:-100])
    write_dump(folder / "dumps" / "RC_2032-02.ndjson", ["one", "two"], author=folder.name)
    real, calls = labelling.label, count(1)

    def stopped(*arguments: Any) -> Any:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(labelling, "label", stopped)
        moodmill_here("schedule", "run", folder.name, cwd=folder, settings=fleet.settings)
    # then its next time tells of both, and the one after it of neither
    said = run(folder, fleet)
    assert (len(said["runs"]), said["succeeded"]) == (2, False)
    assert broken.name in " ".join(said["errors"])
    assert run(folder, fleet)["succeeded"]


def test_a_store_that_is_away_is_told_to_the_webhook(folder: Path) -> None:
    with webhook() as (url, told):
        (folder / "jobs.toml").write_text(f'{jobs(folder)}webhook = "{url}"\n')
        away = {"DATABASE_URL": f"postgresql://a:secret@127.0.0.1:{free_port()}/none"}
        done = moodmill_here("schedule", "run", folder.name, cwd=folder, settings=away)
    assert done.returncode != 0
    assert [(one["job"], len(one["errors"])) for one in told] == [(folder.name, 1)]
    assert "secret" not in str(told)


def test_what_was_labelled_is_told_although_the_roll_ups_could_not_be_brought_up_to_date(
    folder: Path, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: Store) -> int:
        raise StoreError("a long query is under way")

    write_dump(folder / "dumps" / "RC_2034-01.ndjson", ["one", "two"], author=folder.name)
    monkeypatch.setattr(job_runner, "refresh", busy)
    said = run(folder, fleet)
    assert (said["succeeded"], said["comments"], len(said["runs"])) == (False, 2, 1)
    assert "long query" in " ".join(said["errors"])


def test_a_job_that_runs_already_is_left_alone(folder: Path, fleet: Fleet) -> None:
    store, now = Store(fleet.settings["DATABASE_URL"]), datetime.now(UTC)
    store.prepare()
    with store.writing() as connection:
        connection.execute(insert(job_run).values(job=folder.name, started_at=now, alive_at=now, state="running"))
    done = moodmill_here("schedule", "run", folder.name, cwd=folder, settings=fleet.settings)
    with store.writing() as connection:
        connection.execute(job_run.delete())
    store.close()
    assert done.returncode == 75
    assert "runs already" in done.stdout


def test_list_and_next_show_when_jobs_are_due_and_what_came_of_them(folder: Path, fleet: Fleet) -> None:
    run(folder, fleet)
    (one,) = json.loads(moodmill_here("schedule", "list", "--json", cwd=folder, settings=fleet.settings).stdout)
    assert (one["job"], one["last"]["state"], one["last"]["outcome"]) == (folder.name, "succeeded", "nothing new")
    assert datetime.now(UTC) < datetime.fromisoformat(one["next"]) <= datetime.now(UTC) + timedelta(days=1)
    for command in ("list", "next"):
        assert folder.name[:8] in moodmill_here("schedule", command, cwd=folder, settings=fleet.settings).stdout


def test_a_schedule_without_a_broker_or_with_a_broken_job_does_not_start(folder: Path) -> None:
    done = moodmill("schedule", "serve", cwd=folder)
    assert (done.returncode, "REDIS_URL" in done.stderr) == (2, True)
    (folder / "jobs.toml").write_text("[nightly]\ncron = 'never'\nfiles = ['x']\n")
    done = moodmill("schedule", "serve", cwd=folder, settings={"REDIS_URL": "redis://localhost"})
    assert (done.returncode, "nightly" in done.stderr) == (2, True)


def test_a_missed_night_is_made_up_for_and_a_job_that_is_stopped_in_the_middle_is_finished_by_the_next_start(
    folder: Path, sqlite_store: Store, own_redis_url: str, tiny_model: Path
) -> None:
    # given a job that missed a night, and waits for a worker which is not there
    write_dump(folder / "dumps" / "RC_2031-01.ndjson", ["one", "two"], author=folder.name)
    settings = {
        "REDIS_URL": own_redis_url,
        "DATABASE_URL": sqlite_store.url.render_as_string(hide_password=False),
        "HF_MODEL_REPO": str(tiny_model),
    }
    long_ago = datetime.now(UTC) - timedelta(days=2)
    with sqlite_store.writing() as connection:
        connection.execute(
            insert(job_run).values(
                job=folder.name, started_at=long_ago, alive_at=long_ago, ended_at=long_ago, state="succeeded"
            )
        )
    with serving(folder, settings):
        # when beat starts, then the job is begun at once
        wait_until(lambda: asked(sqlite_store, "select count(*) from run where input_closed_at is not null") == [(1,)])
    assert asked(sqlite_store, "select state from job_run order by id desc limit 1") == [("stopped",)]

    # when it starts again, and a worker too
    with local_worker(clean_environment(**settings), Broker(settings["REDIS_URL"])), serving(folder, settings):
        # then the same run goes on
        wait_until(lambda: asked(sqlite_store, "select comments from rollup_day") == [(2,)])
    assert asked(sqlite_store, "select count(*) from run") == [(1,)]


def test_rows_that_nobody_aggregates_are_in_the_roll_ups_after_a_while(
    folder: Path, fleet: Fleet, sqlite_store: Store
) -> None:
    (folder / "jobs.toml").write_text("")
    register_model(sqlite_store, "m", dict.fromkeys(EMOTIONS, 0.5))
    stored(sqlite_store, classified(comments(range(5))))
    settings = {
        "REDIS_URL": fleet.settings["REDIS_URL"],
        "DATABASE_URL": sqlite_store.url.render_as_string(),
        "MOODMILL_ROLLUP_SECONDS": "1",
    }
    with serving(folder, settings):
        wait_until(lambda: asked(sqlite_store, "select sum(comments) from rollup_day") == [(5,)])
