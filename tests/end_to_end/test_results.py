"""`moodmill results` as its users run it."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from moodmill.cli.printing import OUTPUT
from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.db.builders import classified, comments, stored
from tests.support import moodmill_here

#: Names and texts that would colour a terminal, clear it, or turn letters round, were they not shown as text.
HOSTILE = "\x1b[2J[red]x\u202e</b>"
SUBREDDITS = ("cats", "dogs", HOSTILE, "2024", None)
JOY, LOVE = EMOTIONS.index("joy"), EMOTIONS.index("love")


def fill(folder: Path, model: str = "m", *, keep_text: bool = True, rolled_up: bool = True) -> None:
    """Put sixty comments of three days into the store of a folder: cats show most joy, and all who do show love."""
    store = Store(f"sqlite:///{folder}/moodmill.db")
    store.prepare()
    register_model(store, model, dict.fromkeys(EMOTIONS, 0.5))
    of = [
        replace(
            one,
            text=f"{number} {HOSTILE}",
            subreddit=SUBREDDITS[number % len(SUBREDDITS)],
            created_at=one.created_at and one.created_at + timedelta(days=number % 3),
        )
        for number, one in enumerate(comments(range(60)))
    ]
    probabilities = np.full((60, len(EMOTIONS)), 0.1, dtype=np.float32)
    shows = [number for number in range(60) if number % 5 == 0 or number % 10 == 1]
    probabilities[shows, JOY] = np.linspace(0.6, 0.9, len(shows))
    probabilities[:, LOVE] = probabilities[:, JOY]
    stored(store, classified(of, probabilities, model=model, keep_text=keep_text))
    if rolled_up:
        refresh(store)
    store.close()


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as for a wide terminal, whatever this process had when it first printed."""
    monkeypatch.setattr(OUTPUT, "_width", 200)


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


def results(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return moodmill_here("results", *arguments, cwd=folder)


def table(folder: Path, *arguments: str) -> list[list[str]]:
    """Return the cells of the table that is printed, its titles first."""
    done = results(folder, *arguments)
    assert done.returncode == 0, done.stderr
    return [re.split(r"\s{2,}", line.strip()) for line in done.stdout.splitlines()]


def as_json(folder: Path, *arguments: str) -> dict[str, Any]:
    done = results(folder, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_an_overview_shows_each_emotion_with_intervals(filled: Path) -> None:
    titles, first, *others = table(filled, "overview")
    assert titles == ["emotion", "group", "found", "share", "prevalence"]
    assert first[:3] == ["joy", "positive", "18"]
    assert first[3] == "30.0% (19.9-42.5)"
    assert len(others) == 26
    assert results(filled, "overview").stderr == "of 60 comments\n"


def test_a_rank_shows_the_subreddits(filled: Path) -> None:
    titles, *rows = table(filled, "rank", "joy", "--min-comments", "5")
    assert titles == ["rank", "subreddit", "comments", "found", "share", "prevalence"]
    assert [row[1] for row in rows][:2] == ["cats", "dogs"]
    assert rows[0][:4] == ["1", "cats", "12", "12"]
    assert rows[0][4].startswith("100.0% (")
    assert [row[:2] for row in table(filled, "rank", "joy", "--min-comments", "5", "--named", "DOG")[1:]] == [
        ["2", "dogs"]
    ]
    assert len(table(filled, "rank", "joy", "--min-comments", "5", "--limit", "1")) == 2
    nothing = results(filled, "rank", "joy")
    assert (nothing.stdout, nothing.stderr) == ("", "0 subreddits have 100 comments or more\n")


def test_a_trend_shows_what_is_needed_to_tell_its_rows_apart(filled: Path) -> None:
    titles, *rows = table(filled, "trend", "joy")
    assert titles == ["day", "comments", "found", "share", "prevalence"]
    assert [row[0] for row in rows] == ["2024-03-01", "2024-03-02", "2024-03-03"]
    titles, *rows = table(filled, "trend", "joy", "love", "--by", "month", "--subreddit", "cats,dogs")
    assert titles == ["emotion", "subreddit", "month", "comments", "found", "share", "prevalence"]
    wanted = [[emotion, name, "2024-03-01", "12"] for emotion in ("joy", "love") for name in ("cats", "dogs")]
    assert [row[:4] for row in rows] == wanted


def test_a_comparison_shows_both_sides_and_the_difference(filled: Path) -> None:
    titles, first, *others = table(filled, "compare", "cats", "r/2024")
    assert titles == ["emotion", "share in A", "share in B", "share A - B", "prevalence A - B"]
    assert first[0] == "joy"
    assert first[1].startswith("100.0% (")
    assert first[3].startswith("+100.0 (+")
    assert len(others) == 26
    assert len(table(filled, "compare", "2024-03-01", "2024-03-02..2024-03-03", "--limit", "3")) == 4


def test_pairs_show_what_goes_together(filled: Path) -> None:
    titles, first, *others = table(filled, "pairs", "joy", "--min-comments", "18")
    assert titles == ["emotion", "other", "comments", "both", "share", "lift"]
    assert first[:4] == ["joy", "love", "18", "18"]
    assert first[5] == "3.3 x"
    assert len(others) == 19
    none = results(filled, "pairs", "joy", "--min-comments", "19")
    assert (none.stdout, none.stderr) == ("", "without joy: found in fewer than 19 comments\n")


def test_examples_show_comments_and_their_texts(filled: Path) -> None:
    titles, *rows = table(filled, "examples", "joy", "--limit", "2")
    assert titles == ["comment id", "subreddit", "created at", "probability", "text"]
    assert [row[0] for row in rows] == ["c55", "c51"]
    assert rows[0][1:4] == ["cats", "2024-03-02 12:00", "0.900"]
    assert rows[0][4].startswith("55 ")
    newest = table(filled, "examples", "joy", "--order", "newest", "--limit", "1")
    assert newest[1][0] == "c50"
    nothing = results(filled, "examples", "grief")
    assert (nothing.returncode, nothing.stdout) == (0, "nothing is of what is asked for\n")


def test_where_no_texts_are_kept_links_are_shown_and_that_is_said(tmp_path: Path) -> None:
    fill(tmp_path, keep_text=False)
    done = results(tmp_path, "examples", "joy", "--limit", "1")
    assert done.stdout.splitlines()[0].split()[-2:] == ["emotions", "link"]
    assert "joy 0.90" in done.stdout
    assert "`moodmill label --keep-text`" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "about", "columns", "rows"),
    [
        (["overview"], {}, {"emotion", "threshold", "share_low", "prevalence_high"}, 27),
        (["rank", "joy", "--min-comments", "1"], {"emotion": "joy"}, {"rank", "subreddit", "share_low"}, 4),
        (["trend", "joy", "anger"], {}, {"emotion", "subreddit", "day", "prevalence"}, 6),
        (["compare", "cats", "dogs"], {"a": "cats", "b": "dogs"}, {"share_a_low", "prevalence_difference_high"}, 27),
        (["pairs", "--min-comments", "1"], {}, {"emotion", "other", "share_low", "lift"}, 20),
        (["examples", "joy"], {"emotion": "joy"}, {"comment_id", "created_at", "text", "link"}, 10),
    ],
)
def test_scripts_get_all_columns_the_remarks_and_the_queries(
    filled: Path, arguments: list[str], about: dict[str, str], columns: set[str], rows: int
) -> None:
    found = as_json(filled, *arguments)
    assert found.items() >= (about | {"model": "m"}).items()
    assert len(found["rows"]) == rows
    assert all(columns <= row.keys() for row in found["rows"])
    assert all(query.lower().startswith("select") for query in found["queries"])
    assert isinstance(found["remarks"], list)


def test_json_holds_texts_and_names_as_they_are_and_commands_no_terminal(filled: Path) -> None:
    done = results(filled, "examples", "joy", "--limit", "50", "--json")
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout
    found = json.loads(done.stdout)["rows"]
    assert {row["text"].split(" ", 1)[1] for row in found} == {HOSTILE}
    assert found[0]["created_at"] == "2024-03-02T12:00:55+00:00"


def test_names_and_texts_command_no_terminal(filled: Path) -> None:
    for arguments in (
        ["rank", "joy", "--min-comments", "1"],
        ["examples", "joy"],
        ["trend", "joy", "--subreddit", HOSTILE],
    ):
        done = results(filled, *arguments)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        assert "\u202e" not in done.stdout + done.stderr
    rows = table(filled, "rank", "joy", "--min-comments", "1")[1:]
    assert [row[1] for row in rows] == ["cats", "dogs", "␛[2J[red]x\\u202e</b>", "2024"]
    refused = results(filled, "overview", "--subreddit", "\x1b[2Jx")
    assert (refused.returncode, "\x1b" in refused.stderr) == (2, False)


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["rank", "joyy"], 2, "expected one of the 27 emotions, got 'joyy': there is joy"),
        (["trend", "joy", "Anger"], 2, "there is anger"),
        (["trend"], 2, "Missing argument 'EMOTION...'"),
        (["pairs", "hate"], 2, "got 'hate'"),
        (["examples", "x"], 2, "got 'x'"),
        (["overview", "--subreddit", "cat"], 2, "near it is cats"),
        (["rank", "joy", "--subreddit", "cat"], 2, "near it is cats"),
        (["examples", "joy", "--subreddit", "cat"], 2, "near it is cats"),
        (["overview", "--since", "2025"], 2, "there are some of 2024-03"),
        (["trend", "joy", "--until", "2024-03"], 2, "there are some of 2024-03"),
        (["pairs", "--since", "2024-03-03", "--until", "2024-03-03"], 2, "expected since before until"),
        (["overview", "--since", "2024-03-02T12:00"], 2, "expected a day"),
        (["overview", "--since", "soon"], 2, "got 'soon'"),
        (["overview", "--model", "nobody"], 2, "expected one of m"),
        (["compare", "cats", "2024"], 2, "expected two subreddits, or two times"),
        (["compare", "cats", "Cats"], 2, "expected two subreddits, or two times"),
        (["compare", "cats", "birds"], 2, "of subreddit 'birds'"),
        (["compare", "2024", "2023"], 2, "no comments of the model m are of these days"),
        (["rank", "joy", "--limit", "0"], 2, "Invalid value for '--limit'"),
        (["overview", "--store", "nowhere.db"], 1, "no store at"),
    ],
)
def test_what_cannot_be_shown_is_told_in_a_line(filled: Path, arguments: list[str], status: int, said: str) -> None:
    done = results(filled, *arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert {one.name for one in filled.iterdir() if "moodmill.db" not in one.name} == set()


def test_remarks_stand_on_standard_error(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path, model="later", rolled_up=False)
    assert "db rollup" not in results(tmp_path, "overview").stderr
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    stored(store, classified(comments([99])))
    store.close()
    done = results(tmp_path, "overview")
    assert "`moodmill db rollup`" in done.stderr
    assert "`moodmill db rollup`" not in done.stdout
    assert "`moodmill db rollup`" in as_json(tmp_path, "overview")["remarks"][1]


def test_a_store_whose_comments_are_not_counted_yet_says_what_counts_them(tmp_path: Path) -> None:
    fill(tmp_path, rolled_up=False)
    done = results(tmp_path, "overview")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "`moodmill db rollup`" in done.stderr
    assert moodmill_here("db", "rollup", cwd=tmp_path).returncode == 0
    assert results(tmp_path, "overview").returncode == 0


ALL = (
    ("overview",),
    ("rank", "joy", "--min-comments", "1"),
    ("trend", "joy"),
    ("compare", "cats", "dogs"),
    ("pairs", "--min-comments", "1"),
    ("examples", "joy"),
)


def test_nothing_is_written(folder: Path) -> None:
    def digest() -> str:
        return sha256((folder / "moodmill.db").read_bytes()).hexdigest()

    before = digest()
    for arguments in ALL:
        assert results(folder, *arguments).returncode == 0
    assert digest() == before
    assert {one.name for one in folder.iterdir()} == {"moodmill.db"}


@pytest.fixture
def locked(folder: Path) -> Iterator[Path]:
    """A folder in which nobody but root may write, with a file that nobody but root may write to."""
    (folder / "moodmill.db").chmod(0o400)
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def test_a_file_that_may_only_be_read_is_enough(locked: Path) -> None:
    # Root may write anywhere: to it, the URL says so.
    url = f"sqlite:///{locked}/moodmill.db{'?mode=ro' if os.geteuid() == 0 else ''}"
    for arguments in ALL:
        done = moodmill_here("results", *arguments, "--json", cwd=locked, settings={"DATABASE_URL": url})
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"]


def test_of_several_models_one_can_be_named(folder: Path) -> None:
    fill(folder, model="other")
    assert as_json(folder, "overview", "--model", "other")["model"] == "other"
    assert as_json(folder, "overview")["model"] == "m"
