"""Linear layers that hold their weights in oneDNN's order; torch's own bring them into it at each call."""

from collections.abc import Callable
from typing import Final, TypeGuard

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation

#: Rows of the matrices that the order is chosen for; it serves any number.
_ROWS: Final = 2_048
#: What families call a linear map and the activation that follows it.
_ACTIVATED: Final = (("dense", "intermediate_act_fn"), ("lin1", "activation"))


class PrepackedLinear(nn.Module):
    """Does what a Linear does on a CPU, and a GELU after it."""

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, inputs: Tensor) -> Tensor:
        """[…, in] → […, out]"""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, *self._after)
        return product


def prepack(layers: nn.Module, dtype: torch.dtype) -> Callable[[], None]:
    """Replace all linear layers below this one, on a CPU whose oneDNN multiplies this dtype; else do nothing.

    Returns what puts them back.
    """
    replaced: list[tuple[nn.Module, str, nn.Module]] = []

    def replace(parent: nn.Module, name: str, layer: nn.Module) -> None:
        replaced.append((parent, name, getattr(parent, name)))
        setattr(parent, name, layer)

    def restore() -> None:
        for parent, name, layer in replaced:
            setattr(parent, name, layer)

    if not multiplies(dtype):
        return restore
    for parent in list(layers.modules()):
        for linear, activation in _ACTIVATED:
            if _is_linear(getattr(parent, linear, None)) and type(getattr(parent, activation, None)) is GELUActivation:
                replace(parent, linear, PrepackedLinear(getattr(parent, linear), gelu=True))
                replace(parent, activation, nn.Identity())
        for name, child in list(parent.named_children()):
            if _is_linear(child):
                replace(parent, name, PrepackedLinear(child))
    return restore


def multiplies(dtype: torch.dtype) -> bool:
    """Tell whether oneDNN multiplies matrices of this dtype here: fp32, or bf16 where the CPU is made for it."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return dtype is torch.float32 or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _is_linear(layer: nn.Module | None) -> TypeGuard[nn.Linear]:
    return type(layer) is nn.Linear
