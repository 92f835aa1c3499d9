"""Where a model's files come from: the bundled folder, a local one, or a Hub repository at a revision."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.labels import read_order
from moodmill.worker.core.model_name import check_model_name
from moodmill.worker.core.settings import BUNDLED_MODEL, WorkerSettings
from moodmill.worker.inference.model_folder import require_model
from moodmill.worker.inference.suitability import Language

BUNDLED: Final = Path(__file__).parents[1] / "bundled"
#: What a model without thresholds of its own calls present. 0.5 misses most of the rare emotions; F1 on GoEmotions
#: peaks near here for the models people use.
DEFAULT_THRESHOLD: Final = 0.3
#: Files besides the weights that decide what a model says: labels, tokenizer, thresholds, segments.
_DECIDING: Final = ("config.json", "tokenizer.json", "vocab.txt", "thresholds.json", "segments.json")
#: Between the first line of three dashes and the next.
_FRONT_MATTER: Final = re.compile(r"\s*---[\r\n]+([\s\S]*?)[\r\n]+---(?:[\r\n]|$)")
#: The model card: it may say which languages the model reads.
CARD: Final = "README.md"
#: A quantised form that lies beside the weights (moodmill.worker.inference.quantised): its graph and its weights.
INT8_FILES: Final = ("int8.xml", "int8.bin")
#: Weights as safetensors only, and of a quantised form, which is data: pickled ones (others as *.bin, *.pt) can run
#: code when loaded.
FILES: Final = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", *INT8_FILES, CARD)


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A model's folder, the name that result rows carry, and its threshold for each of the 27 emotions."""

    folder: Path
    name: str
    thresholds: Mapping[str, float]
    #: Names of its outputs, for a model whose config has none.
    labels: tuple[str, ...] | None = None
    #: The one language that it reads; None: it reads several, or nobody says.
    language: Language | None = None
    #: All its files are of one commit of the Hub, after which it is named.
    pinned: bool = False


def find_model(settings: WorkerSettings) -> ModelFiles:
    """Find, or fetch, the model that the settings name.

    Raises ModelError when it cannot be had or is none to load, SettingError when the labels given are not the emotions.
    """
    found = _find(settings)
    found = replace(found, language=_language(found.folder / CARD, settings))
    if settings.moodmill_labels is None:
        return found
    labels = read_order(settings.moodmill_labels)
    # The same weights in another order say something else: their rows must not pass for those of the first.
    digest = hashlib.sha256(",".join(labels).encode()).hexdigest()[:6]
    return replace(found, labels=labels, name=f"{found.name}+labels-{digest}")


def _find(settings: WorkerSettings) -> ModelFiles:
    repo = settings.hf_model_repo
    if repo == BUNDLED_MODEL:
        return _in_folder(BUNDLED, BUNDLED_MODEL)
    if Path(repo).is_dir():
        return _in_folder(Path(repo), Path(repo).resolve().name)
    check_model_name(repo)
    folder = fetch(repo, settings.hf_model_revision, FILES)
    require_model(folder, repo)
    # A snapshot's folder is named after its commit.
    return ModelFiles(folder=folder, name=f"{repo}@{folder.name[:12]}", thresholds=_thresholds(folder), pinned=True)


def fetch(repo: str, revision: str | None, files: Sequence[str], kind: Literal["model", "dataset"] = "model") -> Path:
    """Fetch files of a Hub repository, or find them in the cache; raises ModelError when they cannot be had."""
    # Here, for a fifth of a second: most starts need nothing of the Hub.
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE, HF_HUB_OFFLINE
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(snapshot_download(repo, revision=revision, allow_patterns=list(files), repo_type=kind))
    except LocalEntryNotFoundError as error:
        why = "HF_HUB_OFFLINE forbids to ask the Hub" if HF_HUB_OFFLINE else "the Hub cannot be reached"
        once = "unset HF_HUB_OFFLINE and go online once" if HF_HUB_OFFLINE else "go online once"
        instead = "set HF_MODEL_REPO to a local folder" if kind == "model" else "name a local folder"
        at = f" at revision {revision}" if revision else ""
        raise ModelError(
            f"the {kind} {repo} is not in the cache{at} and {why}: {once}, or set HF_HOME to where it was fetched to "
            f"(now the cache is {HF_HUB_CACHE}), or {instead}"
        ) from error
    except (GatedRepoError, RepositoryNotFoundError) as error:
        # The Hub answers both alike to those who may not see a repository.
        raise ModelError(
            f"the Hub does not give the {kind} {repo}: there is none of that name, or it is private or gated and "
            "HF_TOKEN holds no token of somebody who may read it"
        ) from error
    except HFValidationError as error:
        named = "HF_MODEL_REPO is" if kind == "model" else "the dataset is"
        raise ModelError(f"{named} {repo!r}: expected OWNER/NAME of the Hub, or an existing folder") from error
    except HfHubHTTPError as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(
            f"the Hub does not give the {kind} {repo} at revision {revision or 'main'}: {reason}"
        ) from error


def _in_folder(folder: Path, label: str) -> ModelFiles:
    weights = require_model(folder, str(folder))
    digest = hashlib.sha256()
    for path in (*weights, *(folder / name for name in _DECIDING)):
        if path.exists():
            with path.open("rb") as file:
                hashlib.file_digest(file, lambda: digest)  # piece by piece: to have all in memory takes as long again
    return ModelFiles(folder=folder, name=f"{label}@{digest.hexdigest()[:12]}", thresholds=_thresholds(folder))


def _language(card: Path, settings: WorkerSettings) -> Language | None:
    """Return the one language that a model reads, by the setting or else by its card, as the Hub has them.

    A card that cannot be read, or says nothing of languages, is of no language: no text is called foreign by a guess.
    """
    if settings.moodmill_language != "auto":
        return None if settings.moodmill_language == "any" else settings.moodmill_language
    said = read_card(card).get("language")
    return "en" if said in ("en", ["en"]) else None


def read_card(card: Path) -> dict[str, Any]:
    """Return what a model card says in its front matter; nothing where there is none, or none that can be read.

    https://huggingface.co/docs/hub/model-cards#model-card-metadata
    """
    import yaml

    try:
        found = _FRONT_MATTER.match(card.read_text(encoding="utf-8"))
        said = yaml.safe_load(found[1]) if found else None
    except (OSError, ValueError, TypeError, RecursionError, yaml.YAMLError):
        return {}
    return said if isinstance(said, dict) else {}


def _thresholds(folder: Path) -> dict[str, float]:
    path = folder / "thresholds.json"
    if not path.exists():
        return dict.fromkeys(EMOTIONS, DEFAULT_THRESHOLD)
    try:
        given = {str(name).lower(): float(value) for name, value in json.loads(path.read_text()).items()}
        thresholds = {name: given[name] for name in EMOTIONS}
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelError(f"{path} does not give a number for each of the 27 emotions: {error}") from error
    beyond = [name for name, value in thresholds.items() if not 0 <= value <= 1]  # NaN too
    if beyond:
        raise ModelError(f"{path}: expected thresholds from 0 to 1, {beyond[0]} has {thresholds[beyond[0]]}")
    return thresholds
