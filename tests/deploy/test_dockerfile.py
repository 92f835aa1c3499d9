"""The Dockerfile: what its images hold, and what they do not. No container engine is needed."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.deploy.service import ROOT, SERVICES, is_ours

#: What is built is built once.
pytestmark = pytest.mark.xdist_group("dockerfile")

#: What .dockerignore lets through.
LET_IN = [line[1:] for line in (ROOT / ".dockerignore").read_text().split("\n") if line.startswith("!")]
IMAGES = sorted({service["build"]["target"] for service in SERVICES.values() if "build" in service})


@dataclass
class Stage:
    """A FROM, and what follows it, each as a word and its rest."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)


def read_stages() -> dict[str, Stage]:
    lines = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, Stage] = {}
    for line in filter(None, lines.replace("\\\n", " ").split("\n")):
        word, rest = line.split(" ", 1)
        if word == "FROM":
            base, _, name = rest.split(" ")
            stages[name] = Stage(base)
        else:
            stages[name].steps.append((word, rest))
    return stages


STAGES = read_stages()


def steps_of(name: str) -> list[tuple[str, str]]:
    """All steps that an image is made of, those of its base first."""
    stage = STAGES[name]
    return [*(steps_of(stage.base) if stage.base in STAGES else []), *stage.steps]


def test_images_are_those_of_the_services() -> None:
    assert IMAGES == ["cpu", "cuda", "producer"]
    assert set(IMAGES) <= set(STAGES)
    pinned = {stage.base for stage in STAGES.values()} - set(STAGES)
    assert len(pinned) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", pinned.pop())


def test_the_page_on_containers_has_each_image() -> None:
    page = (ROOT / "docs" / "how-to" / "containers.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `moodmill:(\w+)` \|", page, re.MULTILINE)) == IMAGES


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_python_and_the_packages_of_a_stage_that_is_thrown_away(image: str) -> None:
    steps = steps_of(image)
    user, interpreter = (rest for word, rest in steps if word == "RUN")
    assert user == "useradd --uid 10001 --user-group --create-home moodmill"
    assert interpreter.endswith("python -m compileall -q -x /tests/ .")
    assert [rest for word, rest in steps if word == "COPY"] == [f"--from=build-{image} /opt/moodmill /opt/moodmill"]
    assert [rest for word, rest in steps if word == "USER"] == ["10001:10001"]
    assert [rest for word, rest in steps if word == "ENTRYPOINT"] == ['["moodmill"]']


@pytest.mark.parametrize("image", IMAGES)
def test_its_packages_are_wheels_in_the_versions_of_the_constraints(image: str) -> None:
    installs = [rest for word, rest in steps_of(f"build-{image}") if word == "RUN" and "pip install" in rest]
    assert installs
    for install in installs:
        assert "--constraint constraints.txt" in install
        assert "--only-binary :all:" in install or "--no-deps" in install
    assert any("PIP_NO_CACHE_DIR=1" in rest for word, rest in steps_of("build") if word == "ENV")
    extras = {"producer": "traces", "cpu": "$extra,traces", "cuda": "worker,traces"}[image]
    assert f'"$(ls /wheels/*.whl)[{extras}]"' in installs[-1]


def test_users_and_folders_of_the_services_are_those_of_the_images() -> None:
    home = dict(steps_of("run"))["VOLUME"]
    for service in filter(is_ours, SERVICES.values()):
        assert service["user"] == "10001:10001"
        assert f"moodmill:{home}" in service["volumes"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the commands of a producer's stages were run on what .dockerignore lets through."""
    folder = tmp_path_factory.mktemp("built")
    for name in LET_IN:
        source, target = ROOT / name, folder / "src" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    # What is not ours is the business of constraints.txt.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PIP_NO_DEPS": "1"}
    for word, rest in (step for stage in ("build", "wheel", "build-producer") for step in STAGES[stage].steps):
        command = re.sub("(?<![\\w.])/(opt|wheels)", rf"{folder}/\1", rest)
        if word == "ENV":
            settings = dict(setting.split("=") for setting in command.split())
            environment |= {name: value.replace("$PATH", environment["PATH"]) for name, value in settings.items()}
        elif word == "RUN":
            subprocess.run(
                ["sh", "-ec", command], cwd=folder / "src", env=environment, check=True, stdout=subprocess.DEVNULL
            )
    return folder


def test_a_producer_has_neither_pip_nor_the_model(built: Path) -> None:
    (packages,) = built.glob("opt/moodmill/lib/python3.*/site-packages")
    assert {path.name.split("-")[0] for path in packages.iterdir()} == {"moodmill"}
    assert not list(packages.rglob("*.safetensors"))
    assert (built / "opt" / "moodmill" / "bin" / "moodmill").exists()


def test_the_wheel_is_whole(built: Path) -> None:
    (wheel,) = (built / "wheels").iterdir()
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    tracked = subprocess.run(["git", "ls-files", *LET_IN], cwd=ROOT, check=True, capture_output=True, text=True)
    names = [Path(name) for name in tracked.stdout.split("\n") if "/" in name and not (ROOT / name).is_dir()]
    ours_alone = {"moodmill/bench/measured.svg", "moodmill/db/migrations/script.py.mako"}  # for those who work on it
    wanted = {str(name if name.parts[0] == "moodmill" else "moodmill" / name) for name in names} - ours_alone
    assert wanted
    assert wanted - held == set()
