"""Power cuts at every step of what commands write: what is left is the older content or the new one, whole.

And a run whose rows are in the ledger has its spooled input on the disk.
"""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.models import register_model
from moodmill.producers.sources import spool
from moodmill.worker.inference.model_folder import require_model
from moodmill.worker.training.fine_tuning import fine_tune
from moodmill.worker.training.progress import Progress
from moodmill.worker.training.recipe import Recipe
from tests.db.builders import classified, comments, stored
from tests.end_to_end.conftest import Fleet
from tests.end_to_end.test_schedule_tables import Shop, shop_at
from tests.powercut import Recorder, State, left
from tests.support import make_model, moodmill_here
from tests.worker.builders import settings_for
from tests.worker.training.conftest import write_split


@pytest.fixture
def store(tmp_path: Path) -> str:
    """The URL of a store of 20 rows."""
    url = f"sqlite:///{tmp_path}/moodmill.db"
    opened = Store(url)
    opened.prepare()
    register_model(opened, "m", dict.fromkeys(EMOTIONS, 0.5))
    stored(opened, classified(comments(range(20)), keep_text=True))
    opened.close()
    return url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def below(path: str, state: State) -> State:
    """What lies at a path."""
    return {one: content for one, content in state.items() if f"{one}/".startswith(f"{path}/")}


def contents(folder: Path) -> State:
    return {str(one.relative_to(folder)): None if one.is_dir() else one.read_bytes() for one in folder.rglob("*")}


@pytest.mark.parametrize("arguments", [["x.parquet"], ["x.csv"], ["x.ndjson"], ["x", "--by-month"]])
def test_an_export_is_whole_or_is_not_there(store: str, folder: Path, arguments: list[str]) -> None:
    recorder = Recorder(folder)
    with recorder.recording():
        done = moodmill_here("export", *arguments, cwd=folder, settings={"DATABASE_URL": store})
        recorder.mark("done")
    assert done.returncode == 0, done.stderr
    whole = contents(folder)
    assert recorder.states("done") == [whole]
    found = [below(arguments[0], state) for state in recorder.states()]
    assert len(found) > 5
    assert all(one in ({}, whole) for one in found)


def test_a_report_is_the_older_one_or_the_new_one(store: str, folder: Path) -> None:
    command = ("report", "x.html", "--examples")
    moodmill_here(*command, "0", cwd=folder, settings={"DATABASE_URL": store})
    older = (folder / "x.html").read_bytes()
    recorder = Recorder(folder)
    with recorder.recording():
        assert moodmill_here(*command, "1", cwd=folder, settings={"DATABASE_URL": store}).returncode == 0
    newer = (folder / "x.html").read_bytes()
    assert older != newer
    assert {state["x.html"] for state in recorder.states()} == {older, newer}


@contextmanager
def recorded_spool(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """Record what becomes of a spool: before its run is "opened", until it is "forgotten", and afterwards."""
    recorder = Recorder(folder)
    create_run, forget = Ledger.create_run, spool.forget_spooled

    def create_run_later(*arguments: Any, **named: Any) -> str:
        recorder.mark("opened")
        return create_run(*arguments, **named)

    def forget_later(path: Path) -> None:
        recorder.mark("forgotten")
        forget(path)

    monkeypatch.setattr(Ledger, "create_run", create_run_later)
    monkeypatch.setattr(spool, "forget_spooled", forget_later)
    with recorder.recording():
        yield recorder


def is_spooled(path: str, name: str) -> bool:
    """Whether a reader may come across a file of the spool."""
    return path.endswith(f"/{name}") and ".part/" not in path


def test_standard_input_is_on_the_disk_before_its_run_and_until_its_end(
    fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = "".join(json.dumps({"id": f"p{n}", "body": f"cut {n}", "created_utc": 1}) + "\n" for n in range(5)).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(dump)))
    spooling = {**fleet.settings, "MOODMILL_SPOOL": str(folder / "made" / "spool")}
    with recorded_spool(folder, monkeypatch) as recorder:
        done = moodmill_here("label", "-", cwd=folder, settings=spooling)
    assert done.returncode == 0, done.stderr
    kept = [{path: one for path, one in state.items() if is_spooled(path, "stdin")} for state in recorder.states()]
    assert all([*one.values()] in ([], [dump]) for one in kept)
    opened = recorder.states("opened")
    assert opened
    assert all([one for path, one in state.items() if is_spooled(path, "stdin")] == [dump] for state in opened)
    assert not [one for one in folder.rglob("*") if one.is_file()]


@pytest.fixture
def shop(tmp_path: Path, fleet: Fleet) -> Iterator[Shop]:
    yield from shop_at(f"sqlite:///{tmp_path / 'shop.db'}", tmp_path, fleet)


def test_rows_of_a_table_are_on_the_disk_before_their_run(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add(range(9))
    (shop.folder / "kept").mkdir()
    shop.settings["MOODMILL_SPOOL"] = str(shop.folder / "kept" / "spool")
    with recorded_spool(shop.folder / "kept", monkeypatch) as recorder:
        assert shop.run()["comments"] == 9
    opened = recorder.states("opened")
    assert opened
    assert {tuple(is_spooled(path, shop.table.name) for path, one in state.items() if one) for state in opened} == {
        (True,)
    }
    assert len({one for state in opened for one in state.values() if one}) == 1


def test_a_trained_model_is_whole_or_no_model(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model"
    data.mkdir()
    write_split(data / "train.tsv", 40, seed=1)
    write_split(data / "dev.tsv", 40, seed=2)
    encoder = make_model(tmp_path / "encoder")
    recorders: list[Recorder] = []
    recipe = Recipe(encoder=str(encoder), data=str(data), epochs=1, batch=8)

    def watch(progress: Progress) -> None:
        if progress.stage == "finishing":
            recorders.append(Recorder(out))
            stack.enter_context(recorders[0].recording())

    with ExitStack() as stack:
        fine_tune(recipe, out, settings_for(out), watch)
        recorders[0].mark("done")
    whole = contents(out)
    assert all("config.json" in state for state in recorders[0].states("done"))
    models = 0
    for number, state in enumerate(recorders[0].states()):
        seen = {path: one for path, one in state.items() if not path.startswith("checkpoints")}
        if "config.json" not in seen:
            continue
        models += 1
        assert seen == whole
        if models < 3:
            require_model(left(seen, tmp_path / f"cut-{number}"), "model")
    assert models > 3
