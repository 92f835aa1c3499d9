"""The README and the first pages are true: each of their commands runs, and does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from moodmill.db.analytics.export import export_folder, export_parquet
from moodmill.db.analytics.selection import Selection
from moodmill.db.database.store import Store
from moodmill.producers.sample import SAMPLE
from tests.db.builders import classified, comments, stored
from tests.end_to_end.conftest import Fleet
from tests.support import clean_environment, write_dump

ROOT = Path(__file__).resolve().parents[2]
HOW_TO = ROOT / "docs" / "how-to"


def read(*pages: Path) -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in pages)


#: Pages whose commands and queries all run.
README = read(
    ROOT / "README.md",
    ROOT / "docs" / "tutorial.md",
    *(HOW_TO / f"{name}.md" for name in ("label-files", "ask-the-results", "read-results", "look-into-the-model")),
)
BLOCKS = re.findall(r"```(bash|sql)\n(.*?)```", README, re.DOTALL)
PYTHON = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))
JOBS = re.findall(r"```toml\n(.*?)```", read(HOW_TO / "nightly.md"), re.DOTALL)[0]
COMMANDS = [block for language, block in BLOCKS if language == "bash"]
MAKE = [block for block in COMMANDS if block.startswith("make ")]
EXPLORE = [block for block in COMMANDS if block.startswith("moodmill explore")]
FLEET = [block for block in COMMANDS if re.search(r"moodmill worker\b.*&", block)]
NIGHTLY = re.findall(r"```bash\n(moodmill schedule.*?)```", read(HOW_TO / "nightly.md"), re.DOTALL)
TRAINING = re.findall(r"```bash\n(moodmill train my-model.*?)```", read(HOW_TO / "your-own-model.md"), re.DOTALL)[:1]
CONTAINERS = re.findall(r"```bash\n(.*?)```", read(HOW_TO / "containers.md"), re.DOTALL)
ALONE = [*(block for block in COMMANDS if block not in (*MAKE, *EXPLORE, *FLEET)), *NIGHTLY]


def run(block: str, folder: Path, model: Path, **settings: str) -> None:
    quick = {"MOODMILL_PRECISION": "fp32", "MOODMILL_BATCH_TOKENS": "2048"}  # the demo has the bundled model
    kept = {"HF_MODEL_REPO": str(model), "MOODMILL_SPOOL": str(folder / "spool")}
    environment = clean_environment(**kept, **quick, **settings)
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the README's commands name."""
    shutil.copy(SAMPLE, tmp_path / "RC_2005-12.zst")
    (tmp_path / "dumps").mkdir()
    write_dump(tmp_path / "dumps" / "RC_2006-01.ndjson", ["one", "two"])
    (tmp_path / "posts.csv").write_text("message,author\nI love this so much,a\n")
    (tmp_path / "jobs.toml").write_text(JOBS)
    (tmp_path / "goemotions").mkdir()
    for split in ("train", "dev"):
        (tmp_path / "goemotions" / f"{split}.tsv").write_text("I love it\t18\tc0\nIt rains\t27\tc1\n" * 20)
    return tmp_path


def _export(folder: Path) -> None:
    """Make the exports that programs read."""
    store = Store(f"sqlite:///{folder}/other.db")
    store.prepare()
    stored(store, classified(comments(range(20))))
    export_folder(store, Selection(), folder / "results", lambda _: None)
    with (folder / "results.parquet").open("wb") as out:
        export_parquet(store, Selection(), out, lambda _: None)
    store.close()


def test_its_program_runs_and_finds_gratitude_in_thanks(folder: Path) -> None:
    _export(folder)
    quick = 'precision="fp32", batch_tokens=2048)'  # nothing is measured first
    program = PYTHON.replace('"bundled")', f'"bundled", {quick}').replace("keep_text=True)", f"keep_text=True, {quick}")
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{program}\nprint(len(found), 'with joy')"],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[{'label': 'gratitude', 'score': 0.9")
    assert re.search(r"^[1-9]\d* comments\n[1-9]\d* with joy$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("block", ALONE)
def test_every_command_for_one_machine_runs(block: str, folder: Path, tiny_model: Path, fleet: Fleet) -> None:
    if "moodmill label" not in block:  # which makes the store that the others look into
        fleet.label("RC_2005-12.zst", cwd=folder)
    run(block, folder, tiny_model, **fleet.settings)  # a worker of its own for each would take a minute longer


def test_every_query_finds_something(folder: Path, fleet: Fleet) -> None:
    fleet.label("RC_2005-12.zst", cwd=folder)
    queries = [one for language, block in BLOCKS if language == "sql" for one in block.split(";") if one.strip()]
    assert len(queries) >= 5
    for query in queries:
        assert fleet.query(query)


def test_every_command_for_training_runs(folder: Path, tiny_model: Path) -> None:
    (block,) = TRAINING
    run(block, folder, tiny_model)


def test_every_command_for_a_fleet_runs(folder: Path, tiny_model: Path, own_redis_url: str, postgres_url: str) -> None:
    (block,) = FLEET
    servers = {
        "redis://localhost:6379/0": own_redis_url,
        "postgresql://moodmill:moodmill@localhost/moodmill": postgres_url,
    }
    for shown, real in servers.items():
        assert shown in block
        block = block.replace(shown, f"'{real}'")
    run(f"{block}\nkill %1\nwait", folder, tiny_model)


@pytest.mark.parametrize("block", EXPLORE)
def test_the_page_is_there_until_it_is_ended(block: str, folder: Path, tiny_model: Path) -> None:
    block = block.replace("moodmill explore", "moodmill explore --port 0 --no-browser > said &")
    run(f"{block}\nuntil grep -q http said; do sleep 0.1; done\nkill %1\nwait %1", folder, tiny_model)


@pytest.mark.parametrize("block", MAKE)
def test_every_target_of_make_exists(block: str) -> None:
    for command in block.split("\n"):
        if command.startswith("make "):
            subprocess.run(["make", "--dry-run", *command.split()[1:]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("block", CONTAINERS)
def test_every_service_and_profile_that_it_names_is_in_the_compose_file(block: str) -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    profiles = {profile for one in services.values() for profile in one.get("profiles", [])}
    assert set(re.findall(r"--profile (\w+)", block)) <= profiles
    for command in re.findall(r"docker compose (?:.* )?run ([^\n]+)", block):
        assert next(word for word in command.split() if not word.startswith("-")) in services
    for command in re.findall(r"docker compose (?:.* )?(?:up|logs|stop) ([^\n#]+)", block):
        assert {word for word in command.split() if not word.startswith("-")} <= set(services)


def test_redis_and_postgres_of_the_compose_file_may_be_had_on_this_machine() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    ports = yaml.safe_load((ROOT / "deploy" / "compose.ports.yml").read_text())["services"]
    assert services["postgres"]["environment"]["POSTGRES_USER"] == "moodmill"
    assert {name: one["ports"] for name, one in ports.items()} == {
        "redis": ["127.0.0.1:6379:6379"],
        "postgres": ["127.0.0.1:5432:5432"],
    }
