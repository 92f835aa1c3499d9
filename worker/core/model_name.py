"""What a model is named as: the bundled one, a folder, or a repository of the Hub. Imports no model library."""

from pathlib import Path
from typing import Final

from moodmill.db.core.errors import ModelError

#: How a name begins that is a folder's, whether it is there or not.
_OF_FOLDER: Final = (".", "/", "~")


def check_model_name(repo: str) -> None:
    """Raise ModelError for a folder that is not there or holds no model: before anything is started for it."""
    if Path(repo).is_dir():
        if not Path(repo, "config.json").is_file():
            raise ModelError(f"HF_MODEL_REPO names the folder {repo}, which holds no model: it has no config.json")
    elif repo.startswith(_OF_FOLDER):
        raise ModelError(f"HF_MODEL_REPO names the folder {repo}, which does not exist")
