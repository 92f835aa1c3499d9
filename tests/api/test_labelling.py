"""`moodmill.label`, `Run` and `Store`: from a notebook to rows, and from rows to data frames."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars
import psutil
import pytest

import moodmill
from tests.support import clean_environment, write_dump
from tests.worker.builders import plain_probabilities

TEXTS = ["i love this", "thanks so much!", "a", "hate"]


def labelled(dump: Path, model: Path, store: str, **others: Any) -> moodmill.Run:
    return moodmill.label(dump, store=store, model=str(model), device="cpu", precision="fp32", **others)


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> moodmill.Run:
    """A run of two months, the texts kept."""
    folder = tmp_path_factory.mktemp("api")
    dump = write_dump(folder / "RC_2024-03", TEXTS, subreddit="Cats", created_utc=1_709_251_200)
    later = write_dump(folder / "RC_2024-04", ["so"], subreddit="dogs", created_utc=1_711_972_800)
    later.write_text(later.read_text().replace('"c0"', '"d0"'))
    seen: list[moodmill.Progress] = []
    model = {"model": str(tiny_model), "device": "cpu", "precision": "fp32"}
    store = f"sqlite:///{folder / 'm.db'}"
    run = moodmill.label([dump, str(later)], store=store, keep_text=True, progress=seen.append, **model)  # type: ignore[arg-type]
    assert seen[-1].share == 1
    phases = [at.phase for at in seen]
    assert sorted(phases, key=["reading", "starting", "measuring", "labelling"].index) == phases
    assert {"starting", "labelling"} <= {*phases}  # the model is loaded while the sources are read
    assert [at.labelling_s is None for at in seen] == [phase != "labelling" for phase in phases]
    return run


def test_a_run_adds_up_and_its_store_holds_what_the_model_says(run: moodmill.Run, tiny_model: Path) -> None:
    summary = run.summary
    assert (summary.read, summary.classified, summary.succeeded) == (5, 5, True)
    rows = run.store.to_arrow()
    assert rows["text"].to_pylist() == [*TEXTS, "so"]
    found = np.stack([rows[emotion].to_numpy() for emotion in moodmill.EMOTIONS], axis=1)
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, [*TEXTS, "so"]), atol=1e-5, rtol=0)


def test_texts_that_were_not_kept_are_filled_in_when_the_dump_is_labelled_again(
    tiny_model: Path, tmp_path: Path
) -> None:
    dump, store = write_dump(tmp_path / "RC_2024-03", TEXTS), f"sqlite:///{tmp_path / 'm.db'}"
    before = labelled(dump, tiny_model, store).store.to_arrow()
    run = labelled(dump, tiny_model, store, keep_text=True)
    assert (run.summary.classified, run.summary.new_rows) == (4, 0)
    rows = run.store.to_arrow()
    assert (set(before["text"].to_pylist()), set(rows["text"].to_pylist())) == ({None}, set(TEXTS))
    assert rows.drop_columns("text").equals(before.drop_columns("text"))


def test_rows_carry_the_thresholds_by_which_an_emotion_is_found(run: moodmill.Run) -> None:
    rows = run.store.to_arrow()
    [(model, shown)] = run.store.models().items()
    assert shown
    thresholds = json.loads(rows.schema.metadata[b"moodmill"])["thresholds"]
    assert set(thresholds[model]) == set(moodmill.EMOTIONS)
    assert run.store.to_pandas().attrs["thresholds"] == thresholds


@pytest.mark.parametrize(
    ("wanted", "n"),
    [
        ({"subreddits": "r/cats"}, 4),
        ({"subreddits": ["cats", "Dogs"]}, 5),
        ({"since": "2024-04"}, 1),
        ({"until": "2024-04"}, 4),
        ({"since": "2024", "until": "2024-04-02T00:00"}, 5),
        ({"models": "another"}, 0),
        ({"supported_only": True}, 5),
    ],
)
def test_rows_are_selected_as_by_export(run: moodmill.Run, wanted: dict[str, Any], n: int) -> None:
    assert run.store.to_arrow(**wanted).num_rows == n
    assert sum(batch.num_rows for batch in run.store.iter_batches(**wanted)) == n
    assert len(run.store.to_pandas(**wanted)) == n


def test_polars_and_duckdb_take_the_table(run: moodmill.Run) -> None:
    rows = run.store.to_arrow()
    assert polars.from_arrow(rows).height == 5  # type: ignore[union-attr]
    with duckdb.connect() as connection:
        connection.register("found", rows)
        assert connection.execute("select count(*) from found where joy >= 0").fetchone() == (5,)


def test_an_interrupted_run_is_found_in_the_store_and_resumed(tiny_model: Path, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a text"] * 40)
    store, before, others = f"sqlite:///{tmp_path / 'm.db'}", dict(os.environ), psutil.Process().children()

    def interrupt(progress: moodmill.Progress) -> None:
        if progress.classified:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupted:
        labelled(dump, tiny_model, store, progress=interrupt, chunk_comments=4)
    [run] = moodmill.Store(store).runs()
    assert run.id in interrupted.value.__notes__[0]
    ours = [child for child in psutil.Process().children() if child not in others]
    assert not [child for child in ours if child.status() != psutil.STATUS_ZOMBIE]
    summary = run.resume(progress=False)
    assert (summary.classified, summary.succeeded, run.summary.succeeded) == (40, True, True)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"engine": "onnx"}, "engine is 'onnx'"),
        ({"broker": "http://x"}, "broker is not usable: expected redis://"),
        ({"since": "yesterday"}, "got 'yesterday'"),
        ({"since": "2024-02", "until": "2024-01"}, "expected since before until"),
        ({"columns": {"words": "x"}}, "columns and reading take the names of"),
        ({"reading": {"colour": "x"}}, "columns and reading take the names of"),
        ({"kind": "abacus"}, "expected a kind of source among"),
        ({"chunk_comments": 0}, "chunk_comments is 0: expected 1 to 10,000"),
        ({"max_dead": 2}, "max_dead is 2: expected a share"),
        ({"subreddits": [""]}, "expected a name to filter by"),
    ],
)
def test_an_argument_that_is_none_is_one_line_before_anything_is_made(
    tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    dump = write_dump(tmp_path / "RC_x", ["a"])
    with pytest.raises(moodmill.SettingError, match=said) as refused:
        moodmill.label(dump, store=f"sqlite:///{tmp_path / 'm.db'}", **wrong)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "m.db").exists()


def test_a_store_that_is_not_there_is_said_and_not_made(tmp_path: Path) -> None:
    store = moodmill.Store(f"sqlite:///{tmp_path / 'm.db'}")
    asked: list[Callable[[], object]] = [store.to_arrow, store.runs, store.models, lambda: store.run("x")]
    for ask in asked:
        with pytest.raises(moodmill.StoreError, match="no store at"):
            ask()
    assert not (tmp_path / "m.db").exists()


def test_a_store_is_named_by_its_file_as_by_its_url(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'm.db'}"
    assert {moodmill.Store(named).url for named in (tmp_path / "m.db", str(tmp_path / "m.db"), url)} == {url}


def test_a_store_shows_no_password() -> None:
    assert "secret" not in repr(moodmill.Store("postgresql://me:secret@localhost/m"))


def test_no_module_reads_a_setting_writes_one_or_changes_a_library_when_it_is_imported(tmp_path: Path) -> None:
    program = (
        "import os, pkgutil, importlib, moodmill; before = dict(os.environ)\n"
        "for found in pkgutil.walk_packages(moodmill.__path__, 'moodmill.'):\n"
        "    if 'migrations' not in found.name and not found.name.endswith('__main__'):\n"
        "        importlib.import_module(found.name)\n"
        "from kombu.transport import TRANSPORT_ALIASES\n"
        "written = {name for name in os.environ if os.environ[name] != before.get(name)}\n"
        "theirs = ('TORCHINDUCTOR_', 'KMP_')  # of torch and scikit-learn\n"
        "print([name for name in written if not name.startswith(theirs)], TRANSPORT_ALIASES['redis'])"
    )
    wrong = dict.fromkeys(("REDIS_URL", "DATABASE_URL", "MOODMILL_THREADS", "MOODMILL_CHUNK_COMMENTS"), "-")
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=clean_environment(**wrong),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[] kombu.transport.redis:Transport\n", done.stderr
