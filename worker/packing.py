"""Runs a micro-batch without padding: the tokens of all its texts in one row, with attention within each text alone.

In a padded batch every text costs as much as the longest, in every layer. In a row it costs what its tokens cost.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface

logger = logging.getLogger(__name__)

#: What transformers calls our attention.
ATTENTION: Final = "moodmill_packed"
#: Families whose heads read a text's first token only, and what each calls the layers between embeddings and head.
ENCODERS: Final = {
    "bert": "encoder",
    "camembert": "encoder",
    "distilbert": "transformer",
    "electra": "encoder",
    "roberta": "encoder",
    "xlm-roberta": "encoder",
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """The T tokens of n texts, one text after the other."""

    #: [1, T]
    ids: Tensor
    #: [1, T]: within each text
    positions: Tensor
    #: [n + 1], int32: where each text begins, and the last one ends
    offsets: Tensor
    #: Tokens of the longest text.
    longest: int
    #: Neighbours of equal length: the first one's first token, how many texts, tokens of each.
    alike: list[tuple[int, int, int]]


def lay_out(texts: Sequence[Sequence[int]], first_position: int, device: torch.device) -> Row:
    """Put the token ids of n texts into a row on the device; each text's positions count from `first_position`."""
    lengths = np.array([len(text) for text in texts])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total = int(offsets[-1])
    ids = np.concatenate(texts)
    positions = np.arange(total) - np.repeat(offsets[:-1], lengths) + first_position
    both = torch.from_numpy(np.stack([ids, positions]).astype(np.int64))
    ends = torch.from_numpy(offsets.astype(np.int32))
    if device.type == "cuda":  # from pinned memory the copies run while the GPU still works on the micro-batch before
        both = both.pin_memory().to(device, non_blocking=True)
        ends = ends.pin_memory().to(device, non_blocking=True)
    changes = np.flatnonzero(np.diff(lengths)) + 1
    firsts = np.concatenate([[0], changes])
    counts = np.diff(np.concatenate([firsts, [len(lengths)]]))
    return Row(
        ids=both[:1],
        positions=both[1:],
        offsets=ends,
        longest=int(lengths.max()),
        alike=[(int(offsets[one]), int(count), int(lengths[one])) for one, count in zip(firsts, counts, strict=True)],
    )


class PackedClassifier:
    """A classifier of one of the families in ENCODERS that takes its texts in a row."""

    def __init__(self, model: PreTrainedModel, first_position: int) -> None:
        """`first_position`: where the model's family begins to count. From here on the model takes rows only."""
        self._model = model
        self._first_position = first_position
        #: The layers between embeddings and head.
        self.encoder: Final[nn.Module] = getattr(model.base_model, ENCODERS[model.config.model_type])
        self._hook = self.encoder.register_forward_hook(_keep_first_tokens, with_kwargs=True)
        self._attention_before = model.config._attn_implementation
        model.set_attn_implementation(ATTENTION)

    def logits(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return [n, labels] for the token ids of n texts. On a CPU, neighbours of one length share their attention."""
        row = lay_out(texts, self._first_position, self._model.device)
        logits: Tensor = self._model(input_ids=row.ids, position_ids=row.positions, packed_row=row).logits
        return logits

    def undo(self) -> None:
        """Make the model one that takes padded batches again."""
        self._hook.remove()
        self._model.set_attn_implementation(self._attention_before)


def _keep_first_tokens(_encoder: Any, _args: Any, named: dict[str, Any], output: Any) -> Any:
    """Turn what the layers made of a row, [1, T, hidden], into a batch of its texts' first tokens, [n, 1, hidden]."""
    row: Row = named["packed_row"]
    output.last_hidden_state = output.last_hidden_state[0, row.offsets[:-1]].unsqueeze(1)
    return output


def _attend(
    _module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: None,
    *,
    packed_row: Row,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend within each text of a row: [1, heads, T, d] three times → [1, T, heads, d]."""
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        query, key, value = (one[0].transpose(0, 1) for one in (query, key, value))
        offsets, longest = packed_row.offsets, packed_row.longest
        found = varlen_attn(query, key, value, offsets, offsets, longest, longest, scale=scaling)
        return found.unsqueeze(0), None  # type: ignore[union-attr] # a tuple only where more is asked for
    attended = torch.empty_like(query.transpose(1, 2), memory_format=torch.contiguous_format)
    attend = _bf16_attention if query.dtype is torch.bfloat16 else functional.scaled_dot_product_attention
    for start, count, length in packed_row.alike:
        tokens = slice(start, start + count * length)
        # [1, heads, count * length, d] → [count, heads, length, d]
        q, k, v = (
            one[0, :, tokens].view(-1, count, length, one.shape[-1]).transpose(0, 1) for one in (query, key, value)
        )
        attended[0, tokens] = attend(q, k, v, scale=scaling).transpose(1, 2).flatten(0, 1)
    return attended, None


def _bf16_attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """Attend as scaled_dot_product_attention, which takes a third longer in bf16 on a CPU: [n, heads, length, d]."""
    n, heads, length, d = query.shape
    scaled = query * (d**-0.5 if scale is None else scale)
    scores = torch.bmm(scaled.reshape(-1, length, d), key.reshape(-1, length, d).transpose(1, 2))
    torch.softmax(scores, -1, out=scores)
    return torch.bmm(scores, value.reshape(-1, length, d)).view(n, heads, length, d)


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, lambda *_, **__: None)
