"""The main job, as its users run it: a dump in, 27 probabilities a comment in SQL out."""

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from moodmill.db.core.emotions import EMOTIONS
from moodmill.producers.sample import SAMPLE
from moodmill.worker.inference.repository import BUNDLED
from moodmill.worker.inference.tokens import TextTokenizer
from tests.end_to_end.conftest import Fleet
from tests.support import clean_environment, free_port, make_model, moodmill, moodmill_here, wait_until, write_dump
from tests.worker.builders import plain_probabilities

ROWS = f"select comment_id, {', '.join(EMOTIONS)} from comment_emotion order by comment_id"


def rows_of(file: Path, sql: str = ROWS) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def plain_transformers(texts: list[str], folder: Path) -> np.ndarray[Any, Any]:
    """The probabilities as a user of transformers would compute them, one segment of a text at a time in fp32."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    columns = [model.config.label2id[name] for name in EMOTIONS]
    segments, counts = TextTokenizer(folder, 512).cut(texts)
    with torch.inference_mode():
        encoded = [tokenizer(segment, return_tensors="pt") for segment in segments]
        said = np.stack([torch.sigmoid(model(**segment).logits[0, columns]).numpy() for segment in encoded])
    firsts = np.cumsum(counts) - counts
    lacking = np.multiply.reduceat(1 - said, firsts, axis=0)
    return np.asarray(1 - lacking ** np.minimum(1, 8 / counts)[:, None])  # of more than 8 segments 8 of their kind


@pytest.mark.real_data
def test_a_real_dump_is_labelled_with_one_command(real_data: Path, tmp_path: Path) -> None:
    # given a bare machine: no broker, no store, no model named
    dump = real_data / "RC_2005-12.zst"

    # when
    done = moodmill("label", dump, "--json", "--keep-text", cwd=tmp_path)

    # then every record is accounted for
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["read"], summary["classified"], summary["dead"]) == (1075, 955, 0)
    assert summary["skipped"] == {"deleted": 105, "removed": 15}
    assert summary["new_rows"] == 955
    rows = rows_of(tmp_path / "moodmill.db")
    assert len(rows) == 955

    # and the numbers are those of plain transformers
    texts = [
        one[0] for one in rows_of(tmp_path / "moodmill.db", "select text from comment_emotion order by comment_id")
    ]
    ours = np.array([row[1:] for row in rows])[::10]
    assert np.abs(ours - plain_transformers(texts[::10], BUNDLED)).max() <= 1e-3

    # and a second run, of a part for brevity, adds nothing
    again = json.loads(moodmill("label", dump, "--json", "--keep-text", "--until", "2005-12-15", cwd=tmp_path).stdout)
    assert (again["classified"] > 50, again["new_rows"], again["adds_up"]) == (True, 0, True)
    assert rows_of(tmp_path / "moodmill.db") == rows


@pytest.mark.real_data
def test_the_same_on_postgresql_with_a_broker_and_a_worker_of_their_own(
    real_data: Path, tmp_path: Path, own_redis_url: str, postgres_url: str, tiny_model: Path
) -> None:
    # given a store, a broker, and no worker yet
    settings = {"DATABASE_URL": postgres_url, "REDIS_URL": own_redis_url, "HF_MODEL_REPO": str(tiny_model)}

    # when the producer only enqueues, on a queue of its own
    done = moodmill("enqueue", real_data / "RC_2005-12.zst", "--json", cwd=tmp_path, settings=settings)
    queued = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (queued["read"], queued["classified"], queued["waiting"], queued["state"]) == (1075, 0, 955, "classifying")

    # and a worker starts later
    worker = subprocess.Popen(
        [sys.executable, "-m", "moodmill.cli.main", "worker"],
        cwd=tmp_path,
        env=clean_environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def state() -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(
            moodmill_here("run", "show", queued["run"], "--json", cwd=tmp_path, settings=settings).stdout
        )
        return shown

    try:
        wait_until(lambda: state()["state"] == "done", timeout=120)
    finally:
        worker.terminate()
        worker.wait(60)

    # then
    assert (state()["classified"], state()["new_rows"], state()["dead"]) == (955, 955, 0)
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(text("select count(*) from comment_emotion")) == 955
        assert connection.scalar(text("select count(*) from comment_top_emotion")) == 955
    engine.dispose()


@pytest.mark.real_data
def test_ten_thousand_comments_go_through_as_csv(fleet: Fleet, real_data: Path, tmp_path: Path) -> None:
    labelled = fleet.label(real_data / "random_sample_10k.csv.gz", cwd=tmp_path)
    assert labelled.status == 0, labelled.said
    assert labelled.counts == (10_000, 10_000, 0, 0)
    assert labelled.summary["new_rows"] == 10_000


def test_an_interrupted_run_is_resumed_to_the_same_rows(tmp_path: Path) -> None:
    # given a model that options describe, and a run that is interrupted while its source is read
    make_model(tmp_path / "unnamed", labels=[f"LABEL_{number}" for number in range(28)])
    texts = [f"comment number {n}, {'so much of this ' * (n % 20)}" for n in range(2_000)]
    command = ("label", write_dump(tmp_path / "RC_long", texts), "--model", "unnamed", "--labels", "goemotions")
    settings = {"MOODMILL_CHUNK_COMMENTS": "32", "MOODMILL_CHUNKS_IN_FLIGHT": "4"}
    settings["MOODMILL_PRECISION"] = "fp32"
    settings["MOODMILL_METRICS"] = str(free_port())  # the producer's: the worker that it starts does not want it too
    file = tmp_path / "moodmill.db"
    process = subprocess.Popen(
        [sys.executable, "-m", "moodmill.cli.main", *map(str, command)],
        cwd=tmp_path,
        env=clean_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: file.exists() and done_chunks(file) > 0, timeout=120)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)

    # then it says how to go on, and is not finished
    assert process.returncode == 130
    ((run, sealed),) = rows_of(file, "select id, input_closed_at from run")
    assert f"moodmill run resume {run}" in said
    assert sealed is None

    # when
    resumed = moodmill("run", "resume", run, "--json", "--precision", "bf16", cwd=tmp_path, settings=settings)

    # then all is labelled, by the engine of the first chunk and the model of the options, and says what plain
    # transformers says
    assert resumed.returncode == 0, resumed.stderr
    summary = json.loads(resumed.stdout)
    assert (summary["read"], summary["classified"], summary["adds_up"]) == (2_000, 2_000, True)
    assert rows_of(file, "select distinct engine from comment_emotion") == [("openvino fp32",)]
    ((model,),) = rows_of(file, "select distinct model from comment_emotion")
    assert "+labels-" in model
    rows = rows_of(file)
    assert [name for name, *_ in rows] == sorted(f"c{n}" for n in range(2_000))
    named = make_model(tmp_path / "named", labels=[*EMOTIONS, "neutral"])
    wanted = plain_probabilities(named, [texts[int(name[1:])] for name, *_ in rows[::20]])
    np.testing.assert_allclose([values for _, *values in rows[::20]], wanted, atol=1e-3)


def done_chunks(file: Path) -> int:
    try:
        return int(rows_of(file, "select count(*) from chunk where state = 'done'")[0][0])
    except sqlite3.OperationalError:  # no table yet
        return 0


def test_the_demo_shows_every_emotion_and_says_where_the_store_is(tmp_path: Path) -> None:
    done = moodmill("demo", cwd=tmp_path, settings={"REDIS_URL": "redis://127.0.0.1:1/0", "COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert all(emotion in done.stdout for emotion in EMOTIONS)
    assert str(tmp_path / "moodmill-demo.db") in done.stdout
    assert "100%" in done.stderr


def test_standard_input_is_labelled_and_not_kept(fleet: Fleet, tmp_path: Path) -> None:
    spooling = replace(fleet, settings=fleet.settings | {"MOODMILL_SPOOL": str(tmp_path / "spool")})
    labelled = spooling.label("-", cwd=tmp_path, stdin=SAMPLE.read_bytes())
    assert labelled.status == 0, labelled.said
    assert labelled.counts == (320, 302, 18, 0)
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_folder_and_filters(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    write_dump(tmp_path / "dumps" / "RC_2024-01.ndjson", ["one", "two"], subreddit="Wanted", created_utc=1_704_100_000)
    write_dump(tmp_path / "dumps" / "RC_2024-02.ndjson", ["three"], subreddit="other", created_utc=1_706_800_000)
    labelled = fleet.label("dumps", "--subreddit", "r/wanted", "--since", "2024-01-01", cwd=tmp_path)
    assert labelled.counts == (3, 2, 1, 0)
    assert labelled.summary["skipped"] == {"other subreddit": 1}
    assert labelled.summary["sources"] == ["RC_2024-01.ndjson", "RC_2024-02.ndjson"]


def test_no_more_chunks_are_in_flight_than_set(tmp_path: Path, own_redis_url: str) -> None:
    # given a broker that nobody works for, and a producer that may be 3 chunks ahead
    dump = write_dump(tmp_path / "RC_many", ["text"] * 100)
    settings = {"DATABASE_URL": f"sqlite:///{tmp_path / 'flight.db'}", "REDIS_URL": own_redis_url}
    process = subprocess.Popen(
        [sys.executable, "-m", "moodmill.cli.main", "enqueue", str(dump), "--chunk-comments", "10"],
        env=clean_environment(**settings, MOODMILL_CHUNKS_IN_FLIGHT="3"),
        stderr=subprocess.DEVNULL,
    )
    file = tmp_path / "flight.db"

    def chunks() -> int:
        return int(rows_of(file, "select count(*) from chunk")[0][0])

    try:
        wait_until(lambda: file.exists() and "chunk" in str(rows_of(file, "select name from sqlite_master")))
        wait_until(lambda: chunks() == 3)
        # when one is done, then exactly one more is sent
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("update chunk set state = 'done', classified = 10 where number = 0")
        wait_until(lambda: chunks() == 4)
        assert process.poll() is None
        assert chunks() == 4
    finally:
        process.kill()
        process.wait()
