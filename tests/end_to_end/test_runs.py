"""`moodmill run`: what is done with a run; `label` of a part, or of nothing; and settings that are none."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moodmill.db.core.errors import RunError
from moodmill.db.database.store import Store
from moodmill.db.ledger.runs import LEASE, cancel_run, delete_run, leave_run, open_runs, send_run_heartbeat
from moodmill.producers.runs.opening import open_run
from moodmill.producers.runs.options import RunOptions
from tests.db.builders import Made, letter
from tests.end_to_end.conftest import Fleet
from tests.support import clean_environment, moodmill, moodmill_here, wait_until, write_dump


def run(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return moodmill_here("run", *arguments, cwd=folder, settings=settings)


def state_of(folder: Path) -> list[str]:
    return [found["state"] for found in json.loads(run(folder, "list", "--json").stdout)]


@pytest.fixture
def begun(tmp_path: Path) -> str:
    """A run of the store in the folder, nothing of which is read."""
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    run_id = open_run(store, [write_dump(tmp_path / "RC_x", ["a text"] * 40)], RunOptions(chunk_comments=10))
    store.close()
    return run_id


def test_a_run_whose_process_is_killed_reads_interrupted_and_is_resumed_without_its_id(
    tmp_path: Path, tiny_model: Path
) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 2_000)
    settings = {"HF_MODEL_REPO": str(tiny_model), "MOODMILL_CHUNK_COMMENTS": "1"}
    command = [sys.executable, "-m", "moodmill.cli.main", "label", str(dump)]
    with subprocess.Popen(command, cwd=tmp_path, env=clean_environment(**settings), stderr=subprocess.PIPE) as label:
        wait_until(lambda: (tmp_path / "moodmill.db").exists() and state_of(tmp_path) in (["reading"], ["classifying"]))
        label.send_signal(signal.SIGINT)
        said = label.communicate(timeout=60)[1].decode()
    assert "`moodmill run resume" in said
    assert state_of(tmp_path) == ["interrupted"]
    resumed = run(tmp_path, "resume", "--json", **settings)
    assert json.loads(resumed.stdout)["state"] == "done", resumed.stderr
    assert "no run is unfinished" in run(tmp_path, "resume").stderr


def test_a_run_with_a_heartbeat_is_at_work_until_its_lease_ends(store: Store) -> None:
    from moodmill.db.analytics.reads import status

    made = Made(store, ["RC_x"])
    assert status(store, made.id).state == "reading"
    send_run_heartbeat(store, made.id)
    assert status(store, made.id).state == "reading"
    leave_run(store, made.id, interrupted=True)
    assert status(store, made.id).state == "interrupted"
    leave_run(store, made.id, interrupted=False)
    assert status(store, made.id).state == "reading"
    assert LEASE.total_seconds() == 120


def test_of_several_open_runs_resume_wants_to_know_which(begun: str, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    other = open_run(store, [tmp_path / "RC_x"], RunOptions())
    said = run(tmp_path, "resume").stderr
    assert "2 runs are not finished: name one of" in said
    assert other in said
    assert open_runs(store) == [other, begun] or set(open_runs(store)) == {other, begun}
    store.close()


def test_a_cancelled_run_adds_up_takes_no_more_and_cannot_be_resumed(store: Store) -> None:
    from moodmill.db.analytics.reads import status

    made = Made(store, ["RC_x"])
    added = made.add(3, dead=[letter(7)])
    assert cancel_run(store, made.id) == added.comments
    found = status(store, made.id)
    assert (found.state, found.adds_up, found.waiting, found.succeeded) == ("cancelled", True, 0, False)
    with pytest.raises(RunError, match="was cancelled"):
        made.add(3)
    with pytest.raises(RunError, match="is cancelled already: there is nothing to cancel"):
        cancel_run(store, made.id)


def test_a_cancelled_run_is_said_to_be_one(begun: str, tmp_path: Path) -> None:
    assert json.loads(run(tmp_path, "cancel", begun, "--yes", "--json").stdout)["state"] == "cancelled"
    assert state_of(tmp_path) == ["cancelled"]
    said = run(tmp_path, "resume", begun).stderr
    assert "was cancelled: label its sources in a run of its own" in said
    assert "finishes the run" not in said
    assert "is cancelled already" in run(tmp_path, "cancel", begun, "--yes").stderr


def test_what_is_not_confirmed_is_not_done(begun: str, tmp_path: Path) -> None:
    for command in (("cancel", begun), ("cancel", begun, "--json"), ("delete", begun)):
        for answer in (b"", b"n\n"):
            done = moodmill("run", *command, cwd=tmp_path, stdin=answer)
            assert (done.returncode, "not confirmed, nothing was done" in done.stderr) == (1, True)
    assert state_of(tmp_path) == ["reading"]
    assert moodmill("run", "cancel", begun, cwd=tmp_path, stdin=b"y\n").returncode == 0


def test_a_run_of_dead_letters_that_is_none_is_said(begun: str, tmp_path: Path) -> None:
    done = moodmill_here("dead", "replay", "--run", "nothing", cwd=tmp_path)
    assert (done.returncode, "no run" in done.stderr) == (1, True)


def test_a_folder_without_a_model_is_refused_before_a_run_begins(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"])
    (tmp_path / "empty").mkdir()
    done = moodmill_here("label", dump, "--model", "empty", cwd=tmp_path)
    assert "empty, which holds no model" in done.stderr
    assert state_of(tmp_path) == []


def test_quiet_keeps_no_error_of_a_run_to_itself(fleet: Fleet, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_quiet", ["a text"])
    dump.write_text(f"{dump.read_text()}no json\n")
    done = moodmill_here("label", dump, "-q", cwd=tmp_path, settings=fleet.settings)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 1 records are dead letters")


def test_a_deleted_run_is_gone_with_its_dead_letters_and_its_rows_stay(fleet: Fleet, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"], id="deleted-run")
    dump.write_text(f"{dump.read_text()}no json\n")
    made = fleet.label(str(dump), cwd=tmp_path)
    run_id = made.summary["run"]
    done = moodmill_here("run", "delete", run_id, "--yes", cwd=tmp_path, settings=fleet.settings)
    assert done.returncode == 0, done.stderr
    assert fleet.query("select count(*) from dead_letter where run_id = ?", (run_id,)) == [(0,)]
    assert fleet.query("select count(*) from comment_emotion where comment_id = 'deleted-run'") == [(1,)]
    assert "no run" in moodmill_here("run", "show", run_id, cwd=tmp_path, settings=fleet.settings).stderr


def test_a_run_that_is_not_finished_or_is_a_jobs_is_not_deleted(begun: str, tmp_path: Path) -> None:
    from moodmill.db.ledger.entries import Owner

    assert "is not finished" in run(tmp_path, "delete", begun, "--yes").stderr
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    of_job = open_run(store, [tmp_path / "RC_x"], RunOptions(), Owner(job="nightly"))
    cancel_run(store, of_job)
    with pytest.raises(RunError, match="is of the job nightly"):
        delete_run(store, of_job)
    store.close()


@pytest.mark.parametrize(("ask", "said"), [("cancel", "no run"), ("delete", "no run"), ("show", "no run")])
def test_a_run_that_is_none_is_said(begun: str, tmp_path: Path, ask: str, said: str) -> None:
    arguments = [ask, "nothing", *(["--yes"] if ask != "show" else [])]
    done = run(tmp_path, *arguments)
    assert (done.returncode, said in done.stderr) == (1, True)


def test_no_more_comments_than_the_limit_are_labelled_whatever_the_files(fleet: Fleet, tmp_path: Path) -> None:
    for name in ("RC_1", "RC_2", "RC_3"):
        dump = write_dump(tmp_path / name, ["a text"] * 20)
        dump.write_text(dump.read_text().replace('"c', f'"{name}limit'))
    made = fleet.label("--limit", "25", "--chunk-comments", "10", *["RC_1", "RC_2", "RC_3"], cwd=tmp_path)
    assert (made.summary["classified"], made.summary["read"], made.summary["state"]) == (25, 25, "done")
    assert fleet.query("select count(*) from comment_emotion where comment_id like 'RC_%limit%'") == [(25,)]


def test_a_dry_run_counts_what_would_become_of_each_record_and_makes_nothing(tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text", "[deleted]", "", "more"])
    dump.write_text(f"{dump.read_text()}no json\n")
    done = moodmill_here("label", "RC_x", "--dry-run", "--json", cwd=tmp_path)
    [counted] = json.loads(done.stdout)["sources"]
    assert counted == {
        "source": "RC_x", "records": 5, "comments": 2, "skipped": {"deleted": 1, "empty": 1}, "dead": 1, "error": None,
    }  # fmt: skip
    assert moodmill_here("label", "RC_x", "--dry-run", "--inspect", cwd=tmp_path).returncode == 2
    shown = moodmill_here("label", "RC_x", "--dry-run", "--limit", "1", cwd=tmp_path).stdout
    assert shown.split("\n")[1].split()[:5] == ["RC_x", "1", "1", "0", "0"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["RC_x"]


def test_quiet_says_nothing_besides_its_output_and_verbose_says_what_is_done(fleet: Fleet, tmp_path: Path) -> None:
    write_dump(tmp_path / "RC_q", ["a text"])
    quiet = moodmill_here("label", "RC_q", "-q", cwd=tmp_path, settings=fleet.settings)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    write_dump(tmp_path / "RC_v", ["a text"])
    verbose = moodmill_here("label", "RC_v", "-v", cwd=tmp_path, settings=fleet.settings)
    assert "reading RC_v from record 1 on, as reddit" in verbose.stderr
    assert "read RC_v, to its end" in verbose.stderr
    ends = moodmill_here("classify", "--", "-q", cwd=tmp_path, settings={"HF_MODEL_REPO": "./nowhere"})
    assert "./nowhere" in ends.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MOODMILL_THREAD", "MOODMILL_THREADS is meant, perhaps"),
        ("MOODMILL_COLOUR", "`moodmill settings` lists them all"),
    ],
)
def test_a_setting_that_is_none_is_a_warning_with_the_one_that_is_meant(tmp_path: Path, name: str, said: str) -> None:
    done = moodmill_here("settings", "--json", cwd=tmp_path, settings={name: "1"})
    assert f"warning: {name} is no setting, and does nothing: {said}" in done.stderr
    (tmp_path / ".env").write_text("DATABSE_URL=x\nPATH_OF_MINE=1\n")
    done = moodmill_here("settings", "--json", cwd=tmp_path)
    assert done.stderr == "warning: DATABSE_URL is no setting, and does nothing: DATABASE_URL is meant, perhaps\n"


def test_a_line_of_the_env_file_that_is_none_is_a_warning_with_its_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# settings\nMOODMILL_THREADS=3\nfoo bar\n")
    done = moodmill("settings", "--json", cwd=tmp_path)
    assert done.stderr.splitlines() == ["warning: line 3 of .env does nothing: expected NAME=value"]
    assert next(one["value"] for one in json.loads(done.stdout) if one["name"] == "MOODMILL_THREADS") == "3"


def test_a_warning_of_a_setting_is_json_in_a_service_and_left_out_where_it_is_to_be_quiet(tmp_path: Path) -> None:
    given = {"MOODMILL_THREAD": "1", "MOODMILL_LOG": "json"}
    said = json.loads(moodmill_here("settings", "--json", cwd=tmp_path, settings=given).stderr)
    assert (said["level"], said["message"][:15]) == ("WARNING", "MOODMILL_THREAD")
    assert moodmill_here("settings", "--json", "-q", cwd=tmp_path, settings=given).stderr == ""


def test_settings_show_what_is_in_force_and_from_where_and_no_password(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MOODMILL_THREADS=3\nMOODMILL_DEVICE=cpu\n")
    given = {"MOODMILL_DEVICE": "cuda", "REDIS_URL": "redis://:secret@host:1/0"}
    done = moodmill_here("settings", "--json", cwd=tmp_path, settings=given)
    found = {one["name"]: (one["value"], one["from"]) for one in json.loads(done.stdout)}
    assert found["MOODMILL_THREADS"] == ("3", ".env")
    assert found["MOODMILL_DEVICE"] == ("cuda", "environment")
    assert found["REDIS_URL"] == ("redis://:***@host:1/0", "environment")
    assert found["MOODMILL_LOG"] == ("text", "default")
    assert "secret" not in moodmill_here("settings", cwd=tmp_path, settings=given).stdout


@pytest.mark.parametrize("named", ["other.db", "sqlite:///other.db"])
def test_a_store_is_named_by_its_file_or_its_url(tmp_path: Path, named: str) -> None:
    assert f"no store at {tmp_path / 'other.db'}" in run(tmp_path, "list", "--store", named).stderr
    store = Store(f"sqlite:///{tmp_path}/other.db")
    store.prepare()
    store.close()
    assert json.loads(run(tmp_path, "list", "--store", named, "--json").stdout) == []
