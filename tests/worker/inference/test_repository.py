"""Where a model's files come from, and which folders are refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.repository import BUNDLED, DEFAULT_THRESHOLD, ModelFiles, find_model
from tests.support import clean_environment
from tests.worker.builders import settings_for

OLD, NEW = "0123456789abcdef0123456789abcdef01234567", "fedcba9876543210fedcba9876543210fedcba98"
THRESHOLDS = {name: round(0.1 + number / 100, 2) for number, name in enumerate(EMOTIONS)}


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A model of this test's own."""
    return Path(shutil.copytree(tiny_model, tmp_path / "own"))


def find(folder: Path) -> ModelFiles:
    return find_model(settings_for(folder))


def write_thresholds(folder: Path, thresholds: object) -> None:
    (folder / "thresholds.json").write_text(json.dumps(thresholds))


def test_a_local_folder_is_named_after_itself_and_its_contents(folder: Path) -> None:
    found = find(folder)
    assert found.folder == folder
    label, _, digest = found.name.partition("@")
    assert label == "own"
    assert len(digest) == 12
    assert find(folder).name == found.name


def test_the_name_changes_with_the_weights(folder: Path) -> None:
    before = find(folder).name
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert find(folder).name != before


def test_the_name_changes_with_the_thresholds(folder: Path) -> None:
    names = [find(folder).name]
    write_thresholds(folder, THRESHOLDS)
    names.append(find(folder).name)
    write_thresholds(folder, THRESHOLDS | {"joy": 0.9})
    names.append(find(folder).name)
    assert len(set(names)) == 3


def test_no_repository_is_the_bundled_model() -> None:
    found = find_model(WorkerSettings(hf_model_repo="bundled"))
    assert found.folder == BUNDLED
    assert found.name.startswith("bundled@")
    assert list(found.thresholds) == list(EMOTIONS)


def test_thresholds_are_the_model_s_own(folder: Path) -> None:
    write_thresholds(folder, {"neutral": 0.5} | {name.title(): value for name, value in THRESHOLDS.items()})
    assert find(folder).thresholds == THRESHOLDS


def test_a_model_without_thresholds_gets_the_default(folder: Path) -> None:
    assert find(folder).thresholds == dict.fromkeys(EMOTIONS, DEFAULT_THRESHOLD)


@pytest.mark.parametrize(
    "thresholds",
    [
        pytest.param({name: 0.5 for name in EMOTIONS if name != "grief"}, id="one missing"),
        pytest.param(THRESHOLDS | {"grief": "high"}, id="a word"),
        pytest.param(THRESHOLDS | {"grief": None}, id="null"),
        pytest.param([0.5] * 27, id="a list"),
    ],
)
def test_incomplete_thresholds_are_refused(folder: Path, thresholds: object) -> None:
    write_thresholds(folder, thresholds)
    with pytest.raises(ModelError, match=r"thresholds\.json does not give a number for each of the 27"):
        find(folder)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_thresholds_that_are_no_probabilities_are_refused(folder: Path, value: float) -> None:
    write_thresholds(folder, THRESHOLDS | {"grief": value})
    with pytest.raises(ModelError, match="expected thresholds from 0 to 1, grief has"):
        find(folder)


def test_the_order_of_unnamed_labels_is_part_of_the_name(folder: Path) -> None:
    names = [
        find_model(settings_for(folder, moodmill_labels=given)).name
        for given in (None, "goemotions", ",".join(EMOTIONS[::-1]))
    ]
    assert len(set(names)) == 3
    assert all(name.startswith(f"{names[0]}+labels-") for name in names[1:])


@pytest.mark.parametrize(
    ("card", "setting", "language"),
    [
        (None, "auto", None),
        ("---\nlanguage: en\n---\n# A model\n", "auto", "en"),
        ("---\nlanguage:\n- en\n---\n", "auto", "en"),
        ("---\nlanguage: [en, de]\n---\n", "auto", None),
        ("---\nlanguage: multilingual\n---\n", "auto", None),
        ("---\nlicense: mit\n---\n", "auto", None),
        ("# A model of English\n", "auto", None),
        ("---\nlanguage: [en\n---\n", "auto", None),
        ("---\n- en\n---\n", "auto", None),
        ("---\nlanguage: en\n---\n", "any", None),
        ("---\nlanguage: [en, de]\n---\n", "en", "en"),
        (None, "en", "en"),
    ],
)
def test_the_one_language_of_a_model_is_what_its_card_says_or_the_setting(
    folder: Path, card: str | None, setting: str, language: str | None
) -> None:
    before = find(folder).name
    if card is not None:
        (folder / "README.md").write_text(card)
    found = find_model(settings_for(folder, moodmill_language=setting))
    assert (found.language, found.name) == (language, before)


def test_the_bundled_model_reads_english() -> None:
    assert find_model(WorkerSettings(hf_model_repo="bundled")).language == "en"


def remove_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def pickle_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def remove_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def remove_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def make_adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')


def make_pointer(name: str) -> Callable[[Path], None]:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 45459230\n"

    def make(folder: Path) -> None:
        (folder / name).write_text(pointer)

    return make


def changing(written: str = "", **values: Any) -> Callable[[Path], None]:
    """Write another config, or these values into it."""

    def change(folder: Path) -> None:
        config = folder / "config.json"
        config.write_text(written or json.dumps(json.loads(config.read_text()) | values))

    return change


@pytest.mark.parametrize("values", [{"problem_type": "multi_label_classification"}, {"_attn_implementation": "sdpa"}])
def test_a_config_that_asks_for_what_is_ours_is_found(folder: Path, values: dict[str, Any]) -> None:
    changing(**values)(folder)
    assert find(folder).folder == folder


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (remove_weights, r"has no weights as \*\.safetensors"),
        (pickle_weights, r"has no weights as \*\.safetensors.*\*\.bin, are not loaded"),
        (remove_config, r"has no config\.json"),
        (make_pointer("model.safetensors"), "model.safetensors of the model .* is a pointer of Git LFS.*git lfs pull"),
        (make_pointer("tokenizer.json"), "tokenizer.json of the model .* is a pointer of Git LFS"),
        (make_adapter, "is a PEFT adapter of 'org/base', which would be fetched: merge the two"),
        (remove_tokenizer, "has no tokenizer: expected tokenizer.json"),
        (changing("[1]"), "config.json of the model .*: expected a JSON object, found list"),
        (changing("{"), "config.json of the model .* is no JSON"),
        (changing(_attn_implementation="org/kernel"), "asks for 'org/kernel' .*remove _attn_implementation"),
        (changing(attn_implementation={"text_config": "org/kernel@v1:f"}), "asks for 'org/kernel@v1:f'"),
        (changing(_attn_implementation_internal="flash_attention_2"), "asks for 'flash_attention_2'"),
        (changing(text_config={"_attn_implementation": "org/kernel"}), "asks for 'org/kernel'"),
        (changing(problem_type="single_label_classification"), "answers 'single_label_classification' .*multi-label"),
        (changing(problem_type="regression"), "answers 'regression'"),
        (shutil.rmtree, "names the folder .*own, which does not exist"),
    ],
)
def test_a_folder_that_is_no_model_is_refused(folder: Path, harm: Callable[[Path], None], said: str) -> None:
    harm(folder)
    with pytest.raises(ModelError, match=said) as refused:
        find(folder)
    assert len(str(refused.value).splitlines()) == 1


@pytest.fixture
def cache(tiny_model: Path, tmp_path: Path) -> Path:
    """The Hub's cache as after fetching the repository org/mood twice: `main` is NEW, the tag v1 is OLD."""
    repository = tmp_path / "hub" / "models--org--mood"
    for commit in (OLD, NEW):
        shutil.copytree(tiny_model, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(NEW)
    (repository / "refs" / "v1").write_text(OLD)
    write_thresholds(repository / "snapshots" / OLD, THRESHOLDS)
    return repository.parent


def find_offline(cache: Path, repo: str, revision: str = "") -> str:
    """Find a model as a process without network does, and return its name and folder, or the error."""
    program = (
        "from moodmill.db.core.errors import ModelError\nfrom moodmill.worker.inference.repository import find_model\n"
        "from moodmill.worker.core.settings import WorkerSettings\n"
        "try:\n    found = find_model(WorkerSettings())\n    print(found.name, found.folder, found.thresholds['joy'])\n"
        "except ModelError as error:\n    print('error:', error)\n"
    )
    environment = clean_environment(HF_HUB_CACHE=str(cache), HF_MODEL_REPO=repo, HF_MODEL_REVISION=revision)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(("revision", "commit"), [("", NEW), ("v1", OLD), (OLD, OLD)])
def test_a_fetched_repository_is_found_offline_at_its_revision(cache: Path, revision: str, commit: str) -> None:
    threshold = THRESHOLDS["joy"] if commit == OLD else DEFAULT_THRESHOLD
    snapshot = cache / "models--org--mood" / "snapshots" / commit
    assert find_offline(cache, "org/mood", revision) == f"org/mood@{commit[:12]} {snapshot} {threshold}"


def test_a_fetched_repository_without_weights_is_refused(cache: Path) -> None:
    remove_weights(cache / "models--org--mood" / "snapshots" / NEW)
    assert find_offline(cache, "org/mood").startswith("error: the model org/mood has no weights")


@pytest.mark.parametrize(("repo", "revision"), [("org/other", ""), ("org/mood", "v2")])
def test_a_model_that_was_never_fetched_says_what_to_do(cache: Path, repo: str, revision: str) -> None:
    said = find_offline(cache, repo, revision)
    assert said.startswith(f"error: the model {repo} is not in the cache")
    assert (
        f"unset HF_HUB_OFFLINE and go online once, or set HF_HOME to where it was fetched to (now the cache is {cache})"
        in said
    )
    assert said.endswith("or set HF_MODEL_REPO to a local folder")
    assert (f"at revision {revision}" in said) == bool(revision)
    assert len(said.splitlines()) == 1


def test_what_is_no_repository_and_no_folder_is_refused(cache: Path) -> None:
    said = find_offline(cache, "a/b/c")
    assert said == "error: HF_MODEL_REPO is 'a/b/c': expected OWNER/NAME of the Hub, or an existing folder"
