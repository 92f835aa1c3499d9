"""`moodmill report` as its users run it; what its page shows is in tests/web/test_report_page.py."""

import json
import os
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from msgspec.structs import replace

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from moodmill.report.page import MARK
from tests.db.builders import classified, comments, matrix, stored
from tests.support import moodmill_here


def fill(folder: Path, model: str = "m", ids: range = range(60)) -> None:
    """Put comments of three days into the store of a folder."""
    with closing(Store(f"sqlite:///{folder}/moodmill.db")) as store:
        store.prepare()
        register_model(store, model, dict.fromkeys(EMOTIONS, 0.6))
        of = [
            replace(one, created_at=one.created_at and one.created_at + timedelta(days=number % 3))
            for number, one in enumerate(comments(ids))
        ]
        stored(store, classified(of, matrix(len(of)), model=model, keep_text=True))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, for all tests."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A folder with a store of this test's own."""
    shutil.copy(filled / "moodmill.db", tmp_path)
    return tmp_path


def report(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return moodmill_here("report", *arguments, cwd=folder)


def test_a_report_is_one_small_file_and_its_numbers_are_printed_for_scripts(folder: Path) -> None:
    assert report(folder, "out.html").stdout == "out.html: 60 comments\n"
    assert (folder / "out.html").read_text().startswith(MARK)
    assert (folder / "out.html").stat().st_size < 1_000_000
    assert json.loads(report(folder, "--json").stdout)["comments"] == 60


def test_an_older_page_is_replaced(folder: Path) -> None:
    (folder / "out.html").write_text(f"{MARK} the page of yesterday")
    assert json.loads(report(folder, "out.html", "--json").stdout)["comments"] == 60
    assert "yesterday" not in (folder / "out.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--json"),
        (["moodmill.db"], ".html"),
        (["mine.html"], "is there already"),
        (["nowhere/out.html"], "does not exist"),
        (["pipe.html"], "is there already"),
        (["out.html", "--since", "2024-03-02T12:00"], "expected a day"),
        (["out.html", "--until", "2024-03-02T00:00+02:00"], "expected a day"),
        (["out.html", "--subreddit", "birds"], "no comments"),
        (["out.html", "--subreddit", "r/"], "expected a name"),
        (["out.html", "--since", "2024-03-02", "--until", "2024-03-02"], "since before until"),
        (["out.html", "--model", "nobody"], "expected one of m"),
    ],
)
def test_what_cannot_be_reported_is_told_and_leaves_nothing(folder: Path, arguments: list[str], said: str) -> None:
    (folder / "mine.html").write_text("<!doctype html><p>mine")
    os.mkfifo(folder / "pipe.html")
    done = report(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert {one.name for one in folder.iterdir() if "moodmill.db" not in one.name} == {"mine.html", "pipe.html"}
    assert (folder / "mine.html").read_text() == "<!doctype html><p>mine"


def test_of_several_models_one_can_be_named(folder: Path) -> None:
    fill(folder, model="other", ids=range(4))
    assert report(folder, "out.html", "--model", "other").stdout == "out.html: 4 comments\n"
    done = report(folder, "out.html", "--model", "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "m, other" in done.stderr


def test_a_store_without_rows_is_told_in_a_line(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/moodmill.db").prepare()
    done = report(tmp_path, "out.html")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no classified comments" in done.stderr
