"""What a model's folder has to hold, and what it may not ask for: checked before anything of it is loaded."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from moodmill.db.core.errors import ModelError

#: Any of these is a vocabulary.
_VOCABULARIES: Final = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
#: How the file begins that stands for another one where Git LFS did not fetch it.
_LFS_POINTER: Final = b"version https://git-lfs.github.com/spec/"
#: Implementations of attention that are part of torch and transformers. Another name may be that of a kernel of the
#: Hub, which transformers would fetch and run.
_ATTENTIONS: Final = (None, "eager", "sdpa")
#: How configs call what chooses an implementation; theirs is deeper where a model is made of several.
_CHOOSING: Final = ("attn_implementation", "experts_implementation")
#: Kinds of answers for which one sigmoid per label is right. Many configs do not say.
_MULTI_LABEL: Final = (None, "multi_label_classification")


def require_model(folder: Path, shown: str) -> list[Path]:
    """Return the files of a classifier's weights. Raises ModelError where the folder, called `shown`, is no good."""
    weights = require_encoder(folder, shown)
    _require_multi_label(_read(folder / "config.json", shown), shown)
    return weights


def require_encoder(folder: Path, shown: str) -> list[Path]:
    """Return the files of a model's weights, whatever it answers. Raises ModelError where it is none to load."""
    weights = sorted(folder.glob("*.safetensors"))
    vocabularies = [path for name in _VOCABULARIES for path in sorted(folder.glob(name))]
    config = folder / "config.json"
    _refuse_pointers([*weights, *vocabularies, *folder.glob("*.json")], shown)
    _refuse_adapter(folder / "adapter_config.json", shown)
    if not weights or not config.exists():
        missing = "config.json" if weights else "weights as *.safetensors"
        raise ModelError(
            f"the model {shown} has no {missing}: expected a folder that transformers' save_pretrained wrote "
            "(pickled weights, *.bin, are not loaded)"
        )
    if not vocabularies:
        raise ModelError(
            f"the model {shown} has no tokenizer: expected tokenizer.json, or vocab.txt and the like, which the "
            "tokenizer's save_pretrained writes"
        )
    _refuse_code(_read(config, shown), shown)
    return weights


def _refuse_pointers(files: list[Path], shown: str) -> None:
    for path in files:
        with path.open("rb") as file:
            if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
                raise ModelError(
                    f"{path.name} of the model {shown} is a pointer of Git LFS, not the file: run `git lfs pull` there"
                )


def _refuse_adapter(path: Path, shown: str) -> None:
    if path.exists():
        base = _read(path, shown).get("base_model_name_or_path")
        raise ModelError(
            f"the model {shown} is a PEFT adapter of {base!r}, which would be fetched: merge the two "
            "(merge_and_unload, save_pretrained) and name that folder"
        )


def _refuse_code(config: dict[str, Any], shown: str) -> None:
    for key, value in _choices(config):
        if value not in _ATTENTIONS:
            raise ModelError(
                f"config.json of the model {shown} asks for {value!r} ({key}), code that may be fetched from the Hub: "
                f"remove {key}; eager and sdpa can be had"
            )


def _require_multi_label(config: dict[str, Any], shown: str) -> None:
    problem = config.get("problem_type")
    if problem not in _MULTI_LABEL:
        raise ModelError(
            f"the model {shown} answers {problem!r} (problem_type), and not with a probability of each emotion: "
            "expected a multi-label model; if it was trained as one, set problem_type to multi_label_classification in "
            "its config.json"
        )


def _choices(value: Any) -> Iterator[tuple[str, Any]]:
    """Each choice of an implementation in a config, however deep, as key and value."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        if key.strip("_").startswith(_CHOOSING):
            yield from ((key, one) for one in (inner.values() if isinstance(inner, dict) else (inner,)))
        yield from _choices(inner)


def _read(path: Path, shown: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} of the model {shown} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path.name} of the model {shown}: expected a JSON object, found {type(found).__name__}")
    return found
