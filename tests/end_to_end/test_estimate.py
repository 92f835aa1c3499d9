"""`moodmill estimate`: what a run will take, before it starts."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import moodmill, moodmill_here, write_dump

COMMENTS = 1_500


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump of comments of many lengths in some subreddits, and of some that are gone."""
    texts = ["[deleted]" if n % 10 == 0 else f"this is comment {n} " + "so good " * (n % 40) for n in range(COMMENTS)]
    return write_dump(tmp_path_factory.mktemp("estimate") / "RC_2024-03", texts)


def estimated(dump: Path, model: Path, *options: str) -> dict[str, Any]:
    done = moodmill_here("estimate", dump, "--model", model, "--json", *options, cwd=dump.parent)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("kept", [(), ("--keep-text",)])
def test_the_room_it_says_is_what_the_store_then_has(
    dump: Path, tiny_model: Path, tmp_path: Path, kept: tuple[str, ...]
) -> None:
    found = estimated(dump, tiny_model, *kept)
    assert (found["whole"], found["records_read"]) == (True, COMMENTS)
    assert found["comments"] == {"expected": 1_350, "low": 1_350, "high": 1_350}
    store = tmp_path / "store.db"
    labelled = moodmill("label", dump, "--model", tiny_model, "--store", store, *kept, cwd=tmp_path)
    assert labelled.returncode == 0, labelled.stderr
    empty = 200_000  # bytes of the tables without rows, at most
    size = found["bytes"]["sqlite"]
    assert size["low"] * 0.9 < store.stat().st_size < size["high"] * 1.1 + empty


def test_its_numbers_fit_each_other_and_nothing_is_kept(dump: Path, tiny_model: Path) -> None:
    before = sorted(dump.parent.iterdir())
    found = estimated(dump, tiny_model)
    assert sorted(dump.parent.iterdir()) == before
    for name in ("comments", "tokens_a_comment", "comments_per_s", "seconds"):
        assert found[name]["low"] <= found[name]["expected"] <= found[name]["high"]
    seconds = found["comments"]["expected"] / found["comments_per_s"]["expected"]
    assert found["seconds"]["expected"] == pytest.approx(seconds)
    assert found["seconds"]["high"] > seconds > found["seconds"]["low"] > 0
    assert found["model"].startswith(tiny_model.name)


def test_it_takes_the_options_of_label(dump: Path, tiny_model: Path) -> None:
    assert estimated(dump, tiny_model, "--limit", "100")["comments"]["expected"] == 100
    assert estimated(dump, tiny_model, "--min-length", "300")["comments"]["expected"] < 300


def test_people_get_a_table(dump: Path, tiny_model: Path) -> None:
    done = moodmill_here("estimate", dump, "--model", tiny_model, cwd=dump.parent)
    assert done.returncode == 0, done.stderr
    assert {"comments", "1,350", "tokens", "speed", "time", "SQLite", "PostgreSQL"} <= {*done.stdout.split()}
    assert "1,500 records were read, which is all" in done.stdout


def test_what_cannot_be_estimated_is_one_line(dump: Path, tiny_model: Path, tmp_path: Path) -> None:
    for arguments, reason in (
        (("-",), "standard input is read once"),
        ((tmp_path / "none.csv",), "none.csv"),
        ((dump, "--author", "nobody"), "none of the 1,500 records that were read would be labelled"),
    ):
        done = moodmill_here("estimate", *arguments, "--model", tiny_model, cwd=tmp_path)
        assert (done.returncode != 0, done.stdout) == (True, "")
        [line] = done.stderr.splitlines()
        assert reason in line


def test_a_source_that_cannot_be_read_is_named(dump: Path, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"PK\x03\x04")
    done = moodmill_here("estimate", dump, broken, "--model", tiny_model, cwd=tmp_path)
    assert done.returncode == 1
    assert "broken.csv" in done.stderr
    assert "1,350" in done.stdout
