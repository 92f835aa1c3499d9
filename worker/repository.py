"""Where a model's files come from: the bundled folder, a local one, or a Hub repository at a revision."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from db.emotions import EMOTIONS
from db.errors import ModelError
from worker.settings import BUNDLED_MODEL, WorkerSettings

BUNDLED: Final = Path(__file__).parent / "bundled"
#: What a model without thresholds of its own calls present. 0.5 misses most of the rare emotions; F1 on GoEmotions
#: peaks near here for the models people use.
DEFAULT_THRESHOLD: Final = 0.3
#: Files besides the weights that decide what a model says: labels, tokenizer, thresholds.
_DECIDING: Final = ("config.json", "tokenizer.json", "vocab.txt", "thresholds.json")
#: Weights as safetensors only: pickled ones (*.bin, *.pt) can run code when loaded.
_FILES: Final = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model")


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A model's folder, the name that result rows carry, and its threshold for each of the 27 emotions."""

    folder: Path
    name: str
    thresholds: Mapping[str, float]


def find_model(settings: WorkerSettings) -> ModelFiles:
    """Find, or fetch, the model that the settings name. Raises ModelError when it cannot be had or has no weights."""
    repo = settings.hf_model_repo
    if repo == BUNDLED_MODEL:
        return _in_folder(BUNDLED, BUNDLED_MODEL)
    if Path(repo).is_dir():
        return _in_folder(Path(repo), Path(repo).resolve().name)
    if repo.startswith((".", "/", "~")):
        raise ModelError(f"HF_MODEL_REPO names the folder {repo}, which does not exist")
    folder = _fetched(repo, settings.hf_model_revision)
    _require_weights(folder, repo)
    # A snapshot's folder is named after its commit.
    return ModelFiles(folder=folder, name=f"{repo}@{folder.name[:12]}", thresholds=_thresholds(folder))


def _fetched(repo: str, revision: str | None) -> Path:
    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(_FILES)))
    except LocalEntryNotFoundError as error:
        raise ModelError(
            f"the model {repo} is not in the cache and the Hub cannot be reached: "
            "go online once, or set HF_MODEL_REPO to a local folder (HF_HOME says where the cache is)"
        ) from error
    except HFValidationError as error:
        raise ModelError(f"HF_MODEL_REPO is {repo!r}: expected OWNER/NAME of the Hub, or an existing folder") from error
    except HfHubHTTPError as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"the Hub does not give the model {repo} at revision {revision or 'main'}: {reason}"
        ) from error


def _in_folder(folder: Path, label: str) -> ModelFiles:
    weights = _require_weights(folder, str(folder))
    digest = hashlib.sha256()
    for path in (*weights, *(folder / name for name in _DECIDING)):
        if path.exists():
            digest.update(path.read_bytes())
    return ModelFiles(folder=folder, name=f"{label}@{digest.hexdigest()[:12]}", thresholds=_thresholds(folder))


def _require_weights(folder: Path, shown: str) -> list[Path]:
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").exists():
        missing = "config.json" if weights else "weights as *.safetensors"
        raise ModelError(
            f"the model {shown} has no {missing}: expected a folder that transformers' save_pretrained wrote "
            "(pickled weights, *.bin, are not loaded)"
        )
    return weights


def _thresholds(folder: Path) -> dict[str, float]:
    path = folder / "thresholds.json"
    if not path.exists():
        return dict.fromkeys(EMOTIONS, DEFAULT_THRESHOLD)
    try:
        given = {str(name).lower(): float(value) for name, value in json.loads(path.read_text()).items()}
        return {name: given[name] for name in EMOTIONS}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} does not give a number for each of the 27 emotions: {error}") from error
