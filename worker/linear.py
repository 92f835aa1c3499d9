"""Linear layers that hold their weights in oneDNN's order; torch's own bring them into it at each call."""

from typing import Final, TypeGuard

import torch
from torch import Tensor, nn
from transformers.activations import GELUActivation

#: Rows of the matrices that the order is chosen for; it serves any number.
_ROWS: Final = 2_048
#: What families call a linear map and the activation that follows it.
_ACTIVATED: Final = (("dense", "intermediate_act_fn"), ("lin1", "activation"))


class PrepackedLinear(nn.Module):
    """Does what a Linear does on a CPU, and a GELU after it: the same product by the same library."""

    def __init__(self, linear: nn.Linear, *, gelu: bool = False) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._after: tuple[str, list[float], str] = ("gelu", [], "none") if gelu else ("none", [], "")

    def forward(self, inputs: Tensor) -> Tensor:
        """[…, in] → […, out]"""
        product: Tensor = torch.ops.mkldnn._linear_pointwise(inputs, self._weight, self._bias, *self._after)
        return product


def prepack(layers: nn.Module, dtype: torch.dtype) -> None:
    """Replace all linear layers below this one, on a CPU whose oneDNN multiplies this dtype; else do nothing."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    if dtype is torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return
    for parent in list(layers.modules()):
        for linear, activation in _ACTIVATED:
            if _is_linear(getattr(parent, linear, None)) and type(getattr(parent, activation, None)) is GELUActivation:
                setattr(parent, linear, PrepackedLinear(getattr(parent, linear), gelu=True))
                setattr(parent, activation, nn.Identity())
        for name, child in list(parent.named_children()):
            if _is_linear(child):
                setattr(parent, name, PrepackedLinear(child))


def _is_linear(layer: nn.Module | None) -> TypeGuard[nn.Linear]:
    return type(layer) is nn.Linear
