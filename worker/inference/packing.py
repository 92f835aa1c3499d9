"""Runs a micro-batch without padding: the tokens of all its texts in one row, with attention within each text alone.

In a padded batch every text costs as much as the longest, in every layer. In a row it costs what its tokens cost. And
as the head reads the first token of each text only, the last layer makes little more of others than keys and values.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import AttentionMaskInterface

#: What transformers calls our attention.
ATTENTION: Final = "moodmill_packed"
#: Scores that are computed at once on a CPU in bf16: what its caches hold. Memory for many more would be new each time.
SCORES: Final = 2**21


class _Names(NamedTuple):
    """What a family calls its parts."""

    #: The layers between embeddings and head; theirs are in a list `layer`.
    encoder: str
    #: Where a layer attends.
    attention: str
    #: What goes on, token by token, with what was attended to and with the layer's input.
    after: str


_OF_BERT: Final = _Names(encoder="encoder", attention="attention.self", after="attention.output")
#: Families whose heads read a text's first token only.
FAMILIES: Final = {
    "bert": _OF_BERT,
    "camembert": _OF_BERT,
    "distilbert": _Names(encoder="transformer", attention="attention", after="sa_layer_norm"),
    "electra": _OF_BERT,
    "roberta": _OF_BERT,
    "xlm-roberta": _OF_BERT,
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
    length_buckets: list[tuple[int, int, int]]


def lay_out(texts: Sequence[Sequence[int]], first_position: int, device: torch.device) -> Row:
    """Put the token ids of n texts into a row on the device; each text's positions count from `first_position`.

    Where that is not 0, the id before it is padding, which has its own id as position and is not counted: as
    `create_position_ids_from_input_ids` of transformers has it, for texts that spell a padding token out.
    """
    lengths = np.array([len(text) for text in texts])
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total = int(offsets[-1])
    ids = np.concatenate(texts)
    counted = np.cumsum(ids != first_position - 1) if first_position else np.arange(1, total + 1)
    before = np.concatenate([[0], counted])[offsets[:-1]]
    positions = counted - np.repeat(before, lengths) + first_position - 1
    if first_position:
        positions[ids == first_position - 1] = first_position - 1
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
        length_buckets=[
            (int(offsets[one]), int(count), int(lengths[one])) for one, count in zip(firsts, counts, strict=True)
        ],
    )


class PackedClassifier:
    """A classifier of one of the FAMILIES that takes its texts in a row. May be used from several threads at once."""

    def __init__(self, model: PreTrainedModel, first_position: int) -> None:
        """`first_position`: where the model's family begins to count. From here on the model takes rows only."""
        self._model = model
        self._first_position = first_position
        names = FAMILIES[model.config.model_type]
        #: The layers between embeddings and head.
        self.encoder: Final[nn.Module] = getattr(model.base_model, names.encoder)
        last: nn.Module = self.encoder.layer[-1]
        self._last = last.get_submodule(names.attention)
        self._now = threading.local()  # `row`: what this thread runs
        self._hooks = [
            last.get_submodule(names.after).register_forward_pre_hook(self._drop_all_but_first_tokens),
            self.encoder.register_forward_hook(_make_a_batch),
        ]
        self._attention_before = model.config._attn_implementation
        model.set_attn_implementation(ATTENTION)

    def logits(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return [n, labels] for the token ids of n texts. On a CPU, neighbours of one length share their attention."""
        self._now.row = row = lay_out(texts, self._first_position, self._model.device)
        logits: Tensor = self._model(
            input_ids=row.ids, position_ids=row.positions, packed_row=row, first_tokens_of=self._last
        ).logits
        return logits

    def undo(self) -> None:
        """Make the model one that takes padded batches again."""
        for hook in self._hooks:
            hook.remove()
        self._model.set_attn_implementation(self._attention_before)

    def _drop_all_but_first_tokens(self, _after: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """[1, T, hidden] → [1, n, hidden], each"""
        row: Row = self._now.row
        return tuple(one[:, row.offsets[:-1]] for one in given)


def _make_a_batch(_encoder: nn.Module, _given: object, output: Any) -> Any:
    """Turn what the layers made of a row's texts, [1, n, hidden], into what a head expects, [n, 1, hidden]."""
    output.last_hidden_state = output.last_hidden_state.transpose(0, 1)
    return output


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: None,
    *,
    packed_row: Row,
    first_tokens_of: nn.Module,
    scaling: float | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attend within each text of a row: [1, heads, T, d] three times → [1, T, heads, d].

    Of the module `first_tokens_of` only what the first token of each text attends to is asked for.
    """
    if query.is_cuda and query.dtype in (torch.bfloat16, torch.float16):
        query, key, value = (one[0].transpose(0, 1) for one in (query, key, value))
        offsets, longest = packed_row.offsets, packed_row.longest
        found = varlen_attn(query, key, value, offsets, offsets, longest, longest, scale=scaling)
        return found.unsqueeze(0), None  # type: ignore[union-attr] # a tuple only where more is asked for
    attended = torch.empty_like(query.transpose(1, 2), memory_format=torch.contiguous_format)
    attend = _bf16_attention if query.dtype is torch.bfloat16 else functional.scaled_dot_product_attention
    for start, count, length in packed_row.length_buckets:
        tokens = slice(start, start + count * length)
        # [1, heads, count * length, d] → [count, heads, length, d]
        q, k, v = (
            one[0, :, tokens].view(-1, count, length, one.shape[-1]).transpose(0, 1) for one in (query, key, value)
        )
        asked = 1 if module is first_tokens_of else length
        found = attend(q[:, :, :asked], k, v, scale=scaling).transpose(1, 2)
        attended[0, tokens].view(count, length, *found.shape[2:])[:, :asked] = found
    return attended, None


def _bf16_attention(query: Tensor, key: Tensor, value: Tensor, scale: float | None) -> Tensor:
    """Attend as scaled_dot_product_attention, which takes a third longer in bf16 on a CPU; the shape is query's."""
    n, heads, asked, d = query.shape
    query = (query * (d**-0.5 if scale is None else scale)).reshape(n * heads, asked, d)
    key, value = key.reshape(n * heads, -1, d).transpose(1, 2), value.reshape(n * heads, -1, d)
    step = max(1, SCORES // (asked * key.shape[-1]))
    scores = query.new_empty(min(step, n * heads), asked, key.shape[-1])
    found = torch.empty_like(query)
    for start in range(0, n * heads, step):
        part = slice(start, start + step)
        some = scores[: n * heads - start]
        torch.bmm(query[part], key[part], out=some)
        torch.softmax(some, -1, out=some)
        torch.bmm(some, value[part], out=found[part])
    return found.view(n, heads, asked, d)


AttentionInterface.register(ATTENTION, _attend)
AttentionMaskInterface.register(ATTENTION, lambda *_, **__: None)
