"""What a model's folder says of how it was made: its card, its recipe, and the record of its training."""

import json
from pathlib import Path
from typing import Any, Final

from huggingface_hub import metadata_load
from yaml import YAMLError

#: What is taken from a model card, as the Hub calls it.
_OF_CARD: Final = ("license", "base_model", "datasets", "language", "model-index")


def read_facts(folder: Path) -> dict[str, Any]:
    """Return `card`, `recipe` and `training`; each is empty where the folder does not say, or not in a form to read."""
    return {
        "card": {name: value for name, value in _card(folder / "README.md").items() if name in _OF_CARD},
        "recipe": _object(folder / "recipe.json"),
        "training": _object(folder / "training.json"),
    }


def _card(path: Path) -> dict[str, Any]:
    try:
        return json.loads(json.dumps(metadata_load(path) or {}, default=str)) if path.exists() else {}
    except (OSError, ValueError, YAMLError):
        return {}


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
