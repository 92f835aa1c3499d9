"""The page about lakes is true: each of its commands runs, one after the other, and its Python reads what they made."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from moodmill.producers.sample import SAMPLE
from tests.end_to_end.test_readme import HOW_TO, read
from tests.support import clean_environment, moodmill, write_dump

PAGE = read(HOW_TO / "lake.md")
COMMANDS = [block for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if "pip install" not in block]
PYTHON = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
#: Commands after which nothing is left to read.
DELETING = [block for block in COMMANDS if "prune" in block]


@pytest.fixture
def folder(tmp_path: Path, tiny_model: Path) -> Path:
    shutil.copy(SAMPLE, tmp_path / "RC_2005-12.zst")
    return tmp_path


def run(block: str, folder: Path, model: Path) -> str:
    binary = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euc", block],
        cwd=folder,
        env=clean_environment(HF_MODEL_REPO=str(model), PATH=f"{binary}:/usr/bin:/bin"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_command_of_the_page_runs(folder: Path, tiny_model: Path) -> None:
    for block in COMMANDS:
        if block not in DELETING:
            run(block, folder, tiny_model)
    held = json.loads(run("moodmill lake status --json", folder, tiny_model))
    assert (held["merged_rows"], held["incoming_files"]) == (302, 0)
    run(f"python - <<'END'\n{PYTHON}\nEND", folder, tiny_model)
    for block in DELETING:
        run(block, folder, tiny_model)
    assert json.loads(run("moodmill lake status --json", folder, tiny_model))["removed_files"] == 0


def test_duckdb_has_the_views_of_the_store(folder: Path, tiny_model: Path) -> None:
    import duckdb

    run("MOODMILL_LAKE=lake moodmill label RC_2005-12.zst", folder, tiny_model)
    with duckdb.connect() as connection:
        for statement in run("moodmill lake sql", folder, tiny_model).split(";\n"):
            if statement.strip():
                connection.execute(statement)
        assert connection.execute("select count(*) from comment_emotion").fetchall() == [(302,)]
        assert connection.execute("select count(*) from comment_top_emotion").fetchall() == [(302,)]
        assert connection.execute("select count(*) from comment_emotion_long").fetchall() == [(302 * 27,)]
        of_days = "select emotion, comments, above, mean from emotion_by_day order by day, emotion"
        mine = connection.execute(of_days).fetchall()
    import sqlite3

    with sqlite3.connect(folder / "moodmill.db") as store:
        theirs = store.execute(of_days).fetchall()
    store.close()
    assert [row[:3] for row in mine] == [row[:3] for row in theirs]
    assert [row[3] for row in mine] == pytest.approx([row[3] for row in theirs], rel=1e-9)


def test_a_store_without_a_lake_says_so_in_a_line(tmp_path: Path, tiny_model: Path) -> None:
    write_dump(tmp_path / "RC_x", ["a text"])
    settings = {"HF_MODEL_REPO": str(tiny_model)}
    assert moodmill("label", "RC_x", settings=settings, cwd=tmp_path).returncode == 0
    done = moodmill("lake", "merge", settings=settings, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "has no lake: MOODMILL_LAKE names one for a new store" in line
    moved = moodmill("lake", "move", "lake", "--yes", "--json", settings=settings, cwd=tmp_path)
    assert json.loads(moved.stdout)["rows"] == 1, moved.stderr
    assert json.loads(moodmill("export", "x.parquet", "--json", settings=settings, cwd=tmp_path).stdout)["rows"] == 1
