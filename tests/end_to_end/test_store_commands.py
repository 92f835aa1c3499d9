"""`moodmill db` as its users run it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from msgspec.structs import replace

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import Note
from moodmill.db.results.models import register_model
from tests.db.builders import Made, classified, comments, stored
from tests.support import moodmill_here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a store in which two models have labelled 20 comments of March 2024."""
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    for model in ("small", "large"):
        register_model(store, model, dict.fromkeys(EMOTIONS, 0.5))
        stored(store, classified(comments(range(20)), model=model))
    store.close()
    return tmp_path


def db(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return moodmill_here("db", *arguments, cwd=folder)


def test_the_active_model_can_be_changed(folder: Path) -> None:
    assert moodmill_here("models", "activate", "large", cwd=folder).returncode == 0
    assert json.loads(moodmill_here("models", "list", "--json", cwd=folder).stdout) == [
        {"model": "large", "active": True},
        {"model": "small", "active": False},
    ]
    refused = moodmill_here("models", "activate", "huge", cwd=folder)
    assert (refused.returncode, "large, small" in refused.stderr) == (1, True)


def test_an_upgrade_says_from_which_schema_to_which(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    newest = json.loads(db(folder, "current", "--json").stdout)["newest"]
    made = json.loads(db(tmp_path_factory.mktemp("new"), "upgrade", "--json").stdout)
    assert (made["before"], made["current"], made["reader"]) == (None, newest, None)
    assert json.loads(db(folder, "upgrade", "--json").stdout)["before"] == newest


def test_roll_ups_are_brought_up_to_date_and_added_up_anew(folder: Path) -> None:
    assert json.loads(db(folder, "rollup", "--json").stdout)["aggregated"] == 4
    assert json.loads(db(folder, "rollup", "--json").stdout)["aggregated"] == 0
    assert json.loads(db(folder, "rollup", "--all", "--json").stdout)["aggregated"] == 4


def test_comments_that_show_an_emotion_are_found_by_an_index_that_was_asked_for(folder: Path) -> None:
    made = db(folder, "index", "joy", "anger")
    assert "comment_emotion_above_joy" in made.stdout
    assert "they are there" in db(folder, "index", "joy").stdout
    assert json.loads(db(folder, "index", "joy", "love", "--json").stdout)["made"] == ["comment_emotion_above_love"]
    assert "happiness" in db(folder, "index", "happiness").stderr
    with closing(sqlite3.connect(folder / "moodmill.db")) as connection:
        plan = connection.execute("explain query plan select * from comment_emotion where joy > 0.6 order by joy desc")
        assert "comment_emotion_above_joy" in str(plan.fetchall())


def test_kept_texts_are_indexed_once_and_the_cost_is_said_first(folder: Path) -> None:
    store = Store(f"sqlite:///{folder}/moodmill.db")
    stored(store, classified(comments(range(20, 1_020)), model="small", keep_text=True))
    store.close()
    made = db(folder, "index", "--text")
    assert made.stdout.startswith(f"{folder}/moodmill.db: made comment_text, 0.")
    assert made.stdout.endswith(" MB over 1,000 texts\n")
    assert made.stderr == "1,000 texts: their index takes some 0.1 MB, and workers wait while it is made\n"
    again = db(folder, "index", "--text")
    assert (again.stdout, again.stderr) == (f"{folder}/moodmill.db: made none, they are there\n", "")
    assert db(folder, "index").returncode == 2
    assert "expected EMOTIONs, --text, or both" in db(folder, "index").stderr


def test_an_index_of_texts_is_told_as_json_beside_those_of_emotions(folder: Path) -> None:
    made = json.loads(db(folder, "index", "--text", "joy", "--json").stdout)
    assert made["made"] == ["comment_emotion_above_joy", "comment_text"]
    assert (made["store"], made["texts"]) == (f"{folder}/moodmill.db", 0)
    assert made["bytes"] > 0
    again = json.loads(db(folder, "index", "--text", "joy", "--json").stdout)
    assert again == {"store": f"{folder}/moodmill.db", "made": []}


def test_old_months_go_only_when_that_is_meant(folder: Path) -> None:
    for wrong in ((), ("--keep-months", "3", "--before", "2024-04"), ("--before", "3024-04")):
        assert db(folder, "prune", "--yes", *wrong).returncode == 2
    assert db(folder, "prune", "--before", "2024-04").returncode != 0  # nobody says yes
    assert json.loads(db(folder, "prune", "--before", "2024-03", "--yes", "--json").stdout)["deleted"] == []
    assert json.loads(db(folder, "prune", "--keep-months", "1", "--yes", "--json").stdout)["deleted"] == ["2024-03"]


def test_a_summary_tells_what_was_labelled_before_from_another_text(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    made = Made(store)
    first, second, again = (replace(one, id="1", created_at=None) for one in comments([1, 2, 1]))
    for ids, of in (("table", [first, second]), ("reddit", [again, replace(second, text="a third one")])):
        added = made.add(2, notes={"unread time": Note(n=1, example="10/5/2022 7:11")})
        made.store_chunk(added.number, classified(of, ids="table" if ids == "table" else "reddit"))
    store.close()

    shown = moodmill_here("run", "show", made.id, cwd=tmp_path).stdout
    for line in (
        "= classified 3 2 of them new in the store, 1 labelled before",
        "1 of them under their id and a hash: another text has their id",
        "+ skipped 1 another text",
        "2 of 4 have no time: 10/5/2022 7:11",
    ):
        assert line in " ".join(shown.split())
    found = json.loads(moodmill_here("run", "show", made.id, "--json", cwd=tmp_path).stdout)
    assert found["notes"]["unread time"] == {"n": 2, "example": "10/5/2022 7:11"}
    assert (found["skipped"], found["passed_over"], found["adds_up"]) == ({"another text": 1}, {}, True)
