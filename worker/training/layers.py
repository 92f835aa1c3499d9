"""Where in an encoder a parameter is, by its name."""

import re
from collections.abc import Iterable
from typing import Any, Final

from moodmill.db.core.errors import SettingError

#: Where the number of an encoder's layer stands in the names of its parameters.
_LAYER: Final = re.compile(r"\.layers?\.(\d+)\.")
EMBEDDINGS: Final = -1


def count_layers(names: Iterable[str]) -> int:
    return 1 + max((int(found[1]) for name in names if (found := _LAYER.search(name))), default=-1)


def layer_of(name: str, layers: int) -> int:
    """Return the number of a parameter's layer, from 0; EMBEDDINGS below them, and `layers` for what is above them."""
    found = _LAYER.search(name)
    return int(found[1]) if found else EMBEDDINGS if "embed" in name else layers


def freeze(model: Any, lowest: int) -> None:
    """Let the embeddings and so many lowest layers of a model learn nothing. Raises SettingError if it has not as many.

    With all of them frozen, only what is above learns.
    """
    layers = count_layers(name for name, _ in model.named_parameters())
    if lowest > layers:
        raise SettingError(f"frozen_layers is {lowest}: the encoder has {layers} layers")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(layer_of(name, layers) >= lowest)
