"""How commands start: each imports what it needs, and nothing that only others need."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moodmill.db.database.store import Store
from tests.support import clean_environment

pytestmark = pytest.mark.process

#: What takes long to import.
HEAVY = {
    *("alembic", "celery", "kombu", "numpy", "psycopg", "pyarrow", "pydantic", "redis", "rich", "sqlalchemy", "torch"),
    *("transformers", "huggingface_hub", "prometheus_client"),
}


def heavy_imports(folder: Path, *arguments: str) -> set[str]:
    """Run a command; return what it imported of HEAVY."""
    program = (
        "import atexit, json, pathlib, sys\n"
        "report = pathlib.Path(sys.argv.pop(1))\n"
        "atexit.register(lambda: report.write_text(json.dumps([name.partition('.')[0] for name in sys.modules])))\n"
        "from moodmill.cli.main import main\nmain()\n"
    )
    report = folder / "modules.json"
    # Of settings that are given it is asked whether there are such, which needs pydantic.
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("MOODMILL_")}
    command = [sys.executable, "-c", program, str(report), *arguments]
    subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    return HEAVY & set(json.loads(report.read_text()))


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("label", "--help"), ("classify", "--help")])
def test_help_imports_neither_settings_nor_store_nor_model(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert heavy_imports(tmp_path, *arguments) <= {"rich"}


def test_a_store_at_the_newest_schema_is_read_without_alembic_and_an_sqlite_one_without_psycopg(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    store.close()
    assert heavy_imports(tmp_path, "run", "list") == {"sqlalchemy", "pydantic", "rich"}
