"""A model's vocabulary: what cuts a text into tokens, and the ids that mean something to us.

transformers makes one of whatever files a folder has. That takes seconds to import: so what it makes of a model is
kept, and read by the library `tokenizers` alone from then on.
"""

import hashlib
import logging
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import msgspec
from tokenizers import Tokenizer

from moodmill.db.core.atomicfile import atomic_file, make_folder
from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.repository import BUNDLED

logger = logging.getLogger(__name__)

#: Files of a folder that decide how text is cut.
_DECIDING: Final = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.txt", "vocab.json", "merges.txt", "*.model",
)  # fmt: skip
_SUFFIX: Final = ".vocabulary"
#: More tokens than a model takes, as transformers says that nobody limits them.
UNLIMITED: Final = int(1e30)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """How text is cut. The tokenizer neither pads nor truncates."""

    tokenizer: Tokenizer
    pad_id: int
    #: The id of what the vocabulary does not have, if nothing else has it.
    unknown_id: int | None
    highest_id: int
    #: Tokens of a text that the tokenizer declares to be the most.
    max_tokens: int


class _Facts(msgspec.Struct, frozen=True):
    """A vocabulary as it is kept."""

    #: As `tokenizers` writes it.
    tokenizer: str
    pad_id: int
    unknown_id: int | None
    highest_id: int
    max_tokens: int
    #: The version of transformers; None: what the file says.
    made_by: str | None = None


def read_vocabulary(folder: Path, cache: Path | None = None) -> Vocabulary:
    """Read the vocabulary of a model; `cache` is where what transformers made of it is kept.

    Raises ModelError when the folder holds none, or when it takes transformers to read and that is not installed.
    """
    if folder == BUNDLED:  # of which a test says that both ways are one
        return _vocabulary(_of_file(folder))
    if cache is None:
        return _vocabulary(_made(folder))
    path = cache / f"{_digest(folder)}{_SUFFIX}"
    facts = _kept(path)
    if facts is None:
        facts = _made(folder)
        _keep(path, facts)
    return _vocabulary(facts)


def _kept(path: Path) -> _Facts | None:
    """Return what is kept; None where nothing is, or what another transformers made than the one that is installed."""
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=_Facts)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("the vocabulary %s cannot be read, making it anew: %s", path, error)
        return None
    return facts if _transformers() in (None, facts.made_by) else None


def _transformers() -> str | None:
    """Return the version of transformers; None where it is not installed."""
    try:
        return version("transformers")
    except PackageNotFoundError:
        return None


def _made(folder: Path) -> _Facts:
    return _of_file(folder) if _transformers() is None else _by_transformers(folder)


def _by_transformers(folder: Path) -> _Facts:
    """Return what transformers makes of a folder."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().split("\n")[0]
        raise ModelError(f"cannot load the tokenizer of the model {folder}: {reason}") from error
    if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
        # What transformers makes of a folder without a vocabulary: every word of every text is unknown to it.
        raise ModelError(f"the model {folder} has no vocabulary: expected tokenizer.json, or vocab.txt and the like")
    backend: Tokenizer = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    return _Facts(
        tokenizer=backend.to_str(),
        pad_id=int(tokenizer.pad_token_id or 0),
        # Some use one of the special tokens for what they do not know.
        unknown_id=None if tokenizer.unk_token_id in tokenizer.encode("") else tokenizer.unk_token_id,
        highest_id=max(tokenizer.get_vocab().values()),
        max_tokens=min(int(tokenizer.model_max_length), UNLIMITED),
        made_by=version("transformers"),
    )


def _of_file(folder: Path) -> _Facts:
    """Return what tokenizer.json says, as transformers reads it of folders that it wrote itself."""
    path, declared = folder / "tokenizer.json", folder / "tokenizer_config.json"
    if not path.exists():
        raise ModelError(
            f"the model {folder} has no tokenizer.json: what reads others comes with pip install 'moodmill[worker]'"
        )
    try:
        backend = Tokenizer.from_file(str(path))
        config = msgspec.json.decode(declared.read_bytes(), type=dict[str, Any]) if declared.exists() else {}
    except Exception as error:  # `tokenizers` raises no class of its own
        raise ModelError(f"cannot load the tokenizer of the model {folder}: {error}") from error
    backend.no_padding()
    backend.no_truncation()
    pad, unknown = (_id(backend, config.get(name)) for name in ("pad_token", "unk_token"))
    return _Facts(
        tokenizer=backend.to_str(),
        pad_id=pad or 0,
        unknown_id=None if unknown in backend.encode("").ids else unknown,
        highest_id=max(backend.get_vocab().values()),
        max_tokens=min(int(config.get("model_max_length") or UNLIMITED), UNLIMITED),
    )


def _id(tokenizer: Tokenizer, token: Any) -> int | None:
    """Return the id of a token that a config names, by its text or as an object that has it."""
    text = token.get("content") if isinstance(token, dict) else token
    return tokenizer.token_to_id(text) if isinstance(text, str) else None


def _vocabulary(facts: _Facts) -> Vocabulary:
    return Vocabulary(
        tokenizer=Tokenizer.from_str(facts.tokenizer),
        pad_id=facts.pad_id,
        unknown_id=facts.unknown_id,
        highest_id=facts.highest_id,
        max_tokens=facts.max_tokens,
    )


def _keep(path: Path, facts: _Facts) -> None:
    try:
        make_folder(path.parent)
        with atomic_file(path) as file:
            file.write(msgspec.json.encode(facts))
    except OSError as error:
        logger.warning("the vocabulary cannot be kept, so the next start reads it by transformers again: %s", error)


def _digest(folder: Path) -> str:
    """Return a name for the vocabulary of a folder."""
    digest = hashlib.sha256()
    for path in sorted({path for name in _DECIDING for path in folder.glob(name)}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:24]
