"""`moodmill export` as its users run it."""

import json
import subprocess
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from msgspec.structs import replace
from pyarrow import dataset, parquet

from moodmill.db.database.store import Store
from tests.db.builders import classified, comments, matrix, stored
from tests.support import clean_environment, moodmill, moodmill_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store of 20 rows."""
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    stored(store, classified(comments(range(20)), keep_text=True))
    store.close()
    return tmp_path


def export(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return moodmill_here("export", *arguments, cwd=folder)


def test_a_file_is_what_its_suffix_says(folder: Path) -> None:
    done = export(folder, "out.parquet", "--json")
    assert (done.returncode, json.loads(done.stdout)["rows"]) == (0, 20)
    assert parquet.read_table(folder / "out.parquet").num_rows == 20
    assert "out.csv: 20 rows" in export(folder, "out.csv").stdout
    assert (folder / "out.csv").read_text().count("\n") == 21
    assert export(folder, "out.jsonl", "--until", "2024-03-01T12:00:05").returncode == 0
    assert len((folder / "out.jsonl").read_text().splitlines()) == 5


def test_texts_that_the_model_was_not_made_for_can_be_left_out(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/moodmill.db")
    stored(store, classified(comments([50, 51]), unsupported=["language", "tokens"]))
    store.close()
    assert json.loads(export(folder, "all.csv", "--json").stdout)["rows"] == 22
    assert json.loads(export(folder, "some.csv", "--supported-only", "--json").stdout)["rows"] == 20


def test_formulas_in_a_csv_are_told_or_made_texts(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/moodmill.db")
    stored(store, classified([replace(comments([50])[0], author="-name")]))
    store.close()
    assert "would run as formulas: 1;" in export(folder, "out.csv").stderr
    safe = export(folder, "safe.csv", "--safe-csv")
    assert (safe.returncode, safe.stderr) == (0, "")
    assert '"\'-name"' in (folder / "safe.csv").read_text()
    assert export(folder, "out.parquet", "--safe-csv").returncode == 2


def test_standard_output_gets_the_rows_and_nothing_else(folder: Path) -> None:
    done = moodmill("export", "-", "--format", "ndjson", cwd=folder)
    assert [json.loads(line)["comment_id"] for line in done.stdout.splitlines()] == [f"c{n}" for n in range(20)]


def test_a_reader_that_goes_is_noticed(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/moodmill.db")
    stored(store, classified(comments(range(100, 1_100))))
    store.close()
    command = [sys.executable, "-m", "moodmill.cli.main", "export", "-", "--format", "ndjson"]
    environment = clean_environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.wait(60) != 0


def test_fewer_bits_take_less_room_and_what_they_change_is_said(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/moodmill.db")
    stored(store, classified(comments(range(1_000, 4_000)), matrix(3_000)))
    store.close()
    said = {bits: export(folder, f"{bits}.parquet", "--compact", bits) for bits in ("16", "8")}
    assert "off by 7.6e-06 at most, the mean of an emotion by " in said["16"].stderr
    assert "off by 0.00" in said["8"].stderr
    as_json = {}
    for bits in ("16", "8"):
        done = export(folder, f"{bits}-again.parquet", "--compact", bits, "--json")
        as_json[bits] = json.loads(done.stdout)
        assert as_json[bits]["bytes"] == (folder / f"{bits}-again.parquet").stat().st_size
        assert as_json[bits]["bits"] == int(bits)
    exact = json.loads(export(folder, "exact.parquet", "--json").stdout)
    assert as_json["8"]["bytes"] < as_json["16"]["bytes"] < exact["bytes"]
    assert export(folder, "by-month", "--by-month", "--compact", "8").returncode == 0
    refused = export(folder, "out.csv", "--compact", "8")
    assert (refused.returncode, refused.stderr) == (2, "error: --compact is an option of Parquet\n")


def test_a_folder_by_month_is_a_dataset(folder: Path) -> None:
    assert export(folder, "out", "--by-month").returncode == 0
    assert dataset.dataset(folder / "out", partitioning="hive").count_rows() == 20


@pytest.mark.parametrize("to", [["out.csv"], ["out", "--by-month"]])
def test_an_export_of_nothing_says_why_and_what_is_near(folder: Path, to: list[str]) -> None:
    done = export(folder, *to, "--subreddit", "r/Tets")
    assert (done.returncode, done.stdout) == (0, f"{to[0]}: 0 rows\n")
    assert done.stderr == "no comments are of subreddit 'tets': near it is test (20)\n"


def test_a_subreddit_is_spelled_as_people_do(folder: Path) -> None:
    assert "20 rows" in export(folder, "out.csv", "--subreddit", "https://www.reddit.com/r/Test/").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["moodmill.db", "--format", "csv"], "is there already"),
        (["out"], "--by-month"),
        (["out.txt"], ".parquet, .csv or .ndjson"),
        (["-"], "--format"),
        (["-", "--by-month"], "folder"),
        (["out", "--by-month", "--format", "csv"], "Parquet"),
        (["nowhere/out.csv"], "No such file"),
        (["out.csv", "--subreddit", " ,"], "expected a name"),
        (["out.csv", "--since", "2024-03-02", "--until", "2024-03-01"], "since before until"),
    ],
)
def test_what_cannot_be_written_is_told_in_a_line_and_leaves_nothing(
    folder: Path, arguments: list[str], said: str
) -> None:
    before = {one.name for one in folder.iterdir() if "moodmill.db-" not in one.name}
    done = export(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert {one.name for one in folder.iterdir() if "moodmill.db-" not in one.name} == before
