"""What the extra `cpu` installs suffices to label, classify, work for a fleet and use the API: without torch."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import clean_environment, wait_until, write_dump

TEXTS = ["I love this, thank you!", "this is so sad", "why would anybody do that?"]
#: Python imports this at its start where PYTHONPATH names the folder: torch is not to be found.
ABSENT = "import sys\nsys.modules.update(dict.fromkeys(['torch', 'transformers', 'nncf']))\n"
MOODMILL = [sys.executable, "-m", "moodmill.cli.main"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """That of an install without torch."""
    folder = tmp_path / "absent"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(ABSENT)
    return clean_environment(PYTHONPATH=str(folder), MOODMILL_PRECISION="auto")


def run(*arguments: str, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        [*MOODMILL, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(file: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return connection.execute("select comment_id, engine from comment_emotion order by comment_id").fetchall()


def test_it_classifies(environment: dict[str, str], tmp_path: Path) -> None:
    [said] = json.loads(run("classify", TEXTS[0], "--json", environment=environment, folder=tmp_path))
    assert "love" in said["labels"]


def test_it_labels(environment: dict[str, str], tmp_path: Path) -> None:
    write_dump(tmp_path / "RC_x", TEXTS)
    run("label", "RC_x", "--store", "moodmill.db", environment=environment, folder=tmp_path)
    found = rows(tmp_path / "moodmill.db")
    assert [name for name, _ in found] == ["c0", "c1", "c2"]
    assert {engine.partition(" ")[0] for _, engine in found} == {"openvino"}


def test_it_works_for_a_fleet(environment: dict[str, str], tmp_path: Path, own_redis_url: str) -> None:
    write_dump(tmp_path / "RC_x", TEXTS)
    fleet = environment | {"REDIS_URL": own_redis_url, "DATABASE_URL": f"sqlite:///{tmp_path}/fleet.db"}
    run("enqueue", "RC_x", environment=fleet, folder=tmp_path)
    with subprocess.Popen([*MOODMILL, "worker"], cwd=tmp_path, env=fleet, stdin=subprocess.DEVNULL) as worker:
        try:
            wait_until(lambda: len(rows(tmp_path / "fleet.db")) == len(TEXTS))
        finally:
            worker.terminate()
        assert worker.wait(60) == 0


def test_the_api_labels_and_classifies(environment: dict[str, str], tmp_path: Path) -> None:
    write_dump(tmp_path / "RC_x", TEXTS)
    program = (
        "import moodmill\n"
        "with moodmill.EmotionClassifier.from_pretrained() as classifier:\n"
        "    print(classifier('I love this!', top_k=1)[0]['label'])\n"
        "print(moodmill.label('RC_x', store='api.db', progress=False).summary.succeeded)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"if __name__ == '__main__':\n    exec({program!r})"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["love", "True"], done.stderr


def test_what_needs_torch_says_in_a_line_what_brings_it(environment: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [*MOODMILL, "classify", "text", "--why"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    [line] = [one for one in done.stderr.splitlines() if "error" in one]
    assert "this install labels on processors alone" in line
    assert "pip install 'moodmill[worker]'" in line


def test_doctor_finds_nothing_wrong(environment: dict[str, str], tmp_path: Path) -> None:
    said = {one["part"]: one for one in json.loads(run("doctor", "--json", environment=environment, folder=tmp_path))}
    assert all(one["ok"] for one in said.values())
    assert "openvino" in said["device"]["found"]
    assert "tokens/s" in said["model"]["found"]
