"""A model of the Hub, fetched once, at work without network."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from moodmill.db.core.emotions import EMOTIONS
from tests.end_to_end.test_main_job import ROWS, rows_of
from tests.support import moodmill, write_dump
from tests.worker.architectures import FAMILIES, make_of
from tests.worker.builders import plain_probabilities

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TEXTS = ["i love this so much", "he is proud of what was done", "🙂"]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The Hub's cache as after fetching the tag v1 of org/mood, a DeBERTa whose outputs have no names."""
    (deberta,) = (family for family in FAMILIES if family.name == "DebertaV2")
    repository = tmp_path / "hub" / "models--org--mood"
    make_of(deberta, repository / "snapshots" / COMMIT, labels=[f"LABEL_{number}" for number in range(28)])
    (repository / "refs").mkdir()
    (repository / "refs" / "v1").write_text(COMMIT)
    return repository.parent


def test_a_fetched_model_labels_a_dump_offline_and_its_revision_is_in_every_row(cache: Path, tmp_path: Path) -> None:
    # when
    settings = {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    options = ("--model", "org/mood", "--revision", "v1", "--labels", "goemotions")
    done = moodmill("label", write_dump(tmp_path / "RC_x", TEXTS), *options, cwd=tmp_path, settings=settings)

    # then
    assert done.returncode == 0, done.stderr
    store = tmp_path / "moodmill.db"
    ((model,),) = rows_of(store, "select distinct model from comment_emotion")
    assert model.startswith(f"org/mood@{COMMIT[:12]}+labels-")
    found = np.array([row[1:] for row in rows_of(store, ROWS)])
    wanted = plain_probabilities_in_order(cache / "models--org--mood" / "snapshots" / COMMIT, tmp_path / "named")
    np.testing.assert_allclose(found, wanted, atol=1e-5, rtol=0)


def plain_probabilities_in_order(unnamed: Path, named: Path) -> np.ndarray:
    """What plain transformers says of TEXTS when it is told the order of the labels."""
    shutil.copytree(unnamed, named)
    config = (named / "config.json").read_text()
    for number, name in enumerate((*EMOTIONS, "neutral")):
        config = config.replace(f'"LABEL_{number}"', f'"{name}"')
    (named / "config.json").write_text(config)
    return plain_probabilities(named, TEXTS)


def test_a_model_that_was_never_fetched_is_one_line_that_names_the_variables(cache: Path, tmp_path: Path) -> None:
    settings = {"HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    dump = write_dump(tmp_path / "RC_x", TEXTS)
    done = moodmill("label", dump, "--model", "org/other", cwd=tmp_path, settings=settings)
    assert done.returncode == 1
    (error,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "org/other is not in the cache" in error
    assert all(name in error for name in ("HF_HUB_OFFLINE", "HF_HOME", "HF_MODEL_REPO"))
    assert "Traceback" not in done.stderr
