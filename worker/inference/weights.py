"""A model's weights as arrays, of its safetensors files. Needs no torch."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
from numpy.typing import NDArray

from moodmill.db.core.errors import ModelError

#: How checkpoints that were converted from TensorFlow call the scale and shift of a normalisation.
_OLD_NAMES: Final = ((".gamma", ".weight"), (".beta", ".bias"))


def read_weights(folder: Path) -> dict[str, NDArray[Any]]:
    """Return the weights by name, in fp16 or fp32 as they are stored; bf16 becomes fp32.

    Raises ModelError where files are missing or damaged.
    """
    weights: dict[str, NDArray[Any]] = {}
    try:
        for path in _files(folder):
            weights |= _read(path)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise ModelError(f"cannot load the model {folder}: {str(error).strip().splitlines()[0]}") from error
    return {_renamed(name): values for name, values in weights.items()}


def _files(folder: Path) -> list[Path]:
    """Return the files of the weights: those that an index names, or one alone."""
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return [folder / "model.safetensors"]
    names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    return [folder / name for name in sorted(set(names))]


def _read(path: Path) -> dict[str, NDArray[Any]]:
    with safetensors.safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        if not any(file.get_slice(name).get_dtype() == "BF16" for name in names):
            return {name: file.get_tensor(name) for name in names}
    tensors = safetensors.deserialize(path.read_bytes())  # type: ignore[no-untyped-call]
    return {name: _as_array(tensor) for name, tensor in tensors}


def _as_array(tensor: dict[str, Any]) -> NDArray[Any]:
    """NumPy has no bf16, which is the upper half of an fp32."""
    if tensor["dtype"] == "BF16":
        widened = np.frombuffer(tensor["data"], dtype="<u2").astype(np.uint32) << 16
        return widened.view(np.float32).reshape(tensor["shape"])
    kinds = {"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8", "I32": "<i4"}
    return np.frombuffer(tensor["data"], dtype=kinds[tensor["dtype"]]).reshape(tensor["shape"])


def _renamed(name: str) -> str:
    for old, new in _OLD_NAMES:
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name
