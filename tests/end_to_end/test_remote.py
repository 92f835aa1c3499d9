"""`moodmill label` of what lies elsewhere: on a real S3 server, cut off in the middle, and resumed."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.database.store import Store
from moodmill.db.lake.lake import lake_of
from tests.db.builders import rows
from tests.producers.sources.test_support import zstd
from tests.storage import BUCKET, SECRET, Bucket, filesystem, s3_server
from tests.support import clean_environment, moodmill, wait_until

pytestmark = [pytest.mark.xdist_group("s3")]

COUNT = 200
LINES = "".join(
    json.dumps({"id": f"c{n}", "body": f"text {n} {'so ' * (n % 30)}", "created_utc": 1136073600 + n}) + "\n"
    for n in range(COUNT)
)


@pytest.mark.parametrize("lake", [None, f"s3://{BUCKET}/lake"], ids=["table", "lake"])
def test_a_run_of_a_dump_on_s3_that_is_cut_off_resumes_and_adds_up_and_keeps_no_secret(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: str | None
) -> None:
    with s3_server() as server:
        for name, value in server.items():  # with which the rows are read here, too
            monkeypatch.setenv(name, value)
        url = Bucket(filesystem(server), f"{BUCKET}/end-to-end").put("RC_2006-01.zst", zstd.compress(LINES.encode()))
        settings = {
            **server,
            "HF_MODEL_REPO": str(tiny_model),
            "DATABASE_URL": f"sqlite:///{tmp_path}/m.db",
            "MOODMILL_CHUNK_COMMENTS": "10",
            "MOODMILL_CHUNKS_IN_FLIGHT": "3",
            **({"MOODMILL_LAKE": lake} if lake else {}),
        }
        store = Store(settings["DATABASE_URL"])
        store.prepare()
        # given a run that is killed in the middle
        _kill_in_the_middle(url, settings, store, tmp_path)
        [run] = run_ids(store)
        left = status(store, run)
        assert 0 < left.classified < COUNT
        assert not left.finished
        # when it is resumed
        resumed = moodmill("run", "resume", run, settings=settings, cwd=tmp_path)
        # then it adds up
        assert resumed.returncode == 0, resumed.stderr
        found = status(store, run)
        assert (found.read, found.classified, found.dead, found.succeeded) == (COUNT, COUNT, 0, True)
        assert sorted(row["comment_id"] for row in rows(store)) == sorted(f"c{n}" for n in range(COUNT))
        again = moodmill("label", url, "--json", settings=settings, cwd=tmp_path)
        assert json.loads(again.stdout)["new_rows"] == 0
        if lake:
            assert lake_of(store) is not None
            merged = moodmill("lake", "merge", "--json", settings=settings, cwd=tmp_path)
            assert json.loads(merged.stdout)["rows"] == COUNT, merged.stderr
            assert len(rows(store)) == COUNT
    store.close()
    assert SECRET.encode() not in (tmp_path / "m.db").read_bytes()
    assert SECRET not in resumed.stderr + again.stderr + (tmp_path / "label.log").read_text()


def _kill_in_the_middle(url: str, settings: Mapping[str, str], store: Store, folder: Path) -> None:
    with (folder / "label.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moodmill.cli.main", "label", url],
            cwd=folder,
            env=clean_environment(**settings),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: any(status(store, run).classified for run in run_ids(store)))
        process.send_signal(signal.SIGKILL)
    finally:
        process.kill()
        process.wait()


def test_what_cannot_be_reached_is_told_in_a_line_before_anything_is_made(tmp_path: Path) -> None:
    settings = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "a-key",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path}/m.db",
    }
    done = moodmill("label", "s3://tests/RC_2006-01.zst", "--inspect", settings=settings, cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: s3://tests/RC_2006-01.zst cannot be read: ")
    assert SECRET not in line
    done = moodmill("label", f"https://me:{SECRET}@example.com/x.csv", settings=settings, cwd=tmp_path)
    assert done.returncode == 2
    assert SECRET not in done.stderr + done.stdout
    assert not (tmp_path / "m.db").exists()
