"""Looks into a model: its tokens, their attention, what its head reads, and what each token does to its answer.

A second copy of the weights, in fp32 and with the attention of transformers ("eager"): it gives the weights that faster
ones never hold as a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import get_ident
from typing import Any, Final, ParamSpec, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from moodmill.db.core.errors import ModelError
from moodmill.db.core.text import clean
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.explanation import ExplainedSegment, Explanation, Head, UnwantedError
from moodmill.worker.inference.memory import keep_memory
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.segments import Pooling, pool
from moodmill.worker.inference.short_threads import in_passing
from moodmill.worker.inference.suitability import Suitability
from moodmill.worker.inference.tokens import TextTokenizer, Token
from moodmill.worker.inference.torch_model import choose_device, load_weights, padded_logits, positions_of

P = ParamSpec("P")
Answer = TypeVar("Answer")

#: Tokens of a batch, padding included: of BERT-base some fifty MB of activations, and of the bundled model a tenth of a
#: second on two cores, after which it can be given up.
BATCH_TOKENS: Final = 1_024


class Explainer:
    """Explains what a model says. May be used from several threads at once."""

    def __init__(self, files: ModelFiles, settings: WorkerSettings) -> None:
        """Load the model once more. Raises ModelError or SettingError when that cannot be."""
        self._name: Final = files.name
        device = choose_device(settings.moodmill_device)
        if device.type == "cpu":
            keep_memory()
        self._model, self._columns = load_weights(files, device, torch.float32, attention="eager")
        self._tokenizer: Final = TextTokenizer(
            files.folder, positions_of(self._model.config), settings.moodmill_max_tokens
        )
        self._suitability: Final = Suitability(language=files.language)

    @property
    def parameters(self) -> int:
        """Numbers that the model has learned."""
        return sum(weight.numel() for weight in self._model.parameters())

    @property
    def columns(self) -> list[int]:
        """Which of the model's outputs each emotion is, [27]."""
        columns: list[int] = self._columns.tolist()
        return columns

    @property
    def config(self) -> Any:
        """The model's config, as transformers has it."""
        return self._model.config

    @property
    def segment_tokens(self) -> int:
        """Tokens of a segment at most, special ones included."""
        return self._tokenizer.limit

    @property
    def pooling(self) -> Pooling:
        """How the probabilities of segments become those of a text."""
        return self._tokenizer.segmentation.pooling

    def explain(self, text: str) -> Explanation:
        """Return a text's segments, and what the model says of each.

        Raises ModelError where the model fails, and for an empty text that has no special tokens either.
        """
        text = clean(text)
        ids, parts = self._tokenizer.tokens(text)
        if not all(parts):
            raise ModelError("the model reads no token of an empty text")
        segments = self._compute(self._explain, parts)
        probabilities = np.stack([segment.probabilities for segment in segments])
        count = np.array([len(segments)], dtype=np.int32)
        return Explanation(
            segments=segments,
            probabilities=pool(probabilities, count, self.pooling)[0],
            truncated=ids.truncated,
            unsupported=self._suitability.lacks(text, ids.unknown),
        )

    def attention(self, segment: ExplainedSegment) -> list[NDArray[np.float32]]:
        """Return each layer's attention of a segment of n tokens, [heads, n, n]: a row is what a token looks at.

        Each row adds up to 1. Empty where the model gives none. Raises ModelError where the model fails.
        """
        return self._compute(self._attention, _ids(segment.tokens))

    def leave_one_out(
        self, segment: ExplainedSegment, is_wanted: Callable[[], bool] = lambda: True
    ) -> ExplainedSegment:
        """Return a segment with what the model says without each of its tokens.

        What a token does to an answer is measured by taking it away (Li et al., "Understanding Neural Networks through
        Representation Erasure", 2016). It takes as long as n texts of n tokens. Raises UnwantedError as soon as it is
        no longer wanted, ModelError where the model fails.
        """
        ids = _ids(segment.tokens)
        own = [at for at, token in enumerate(segment.tokens) if not token.special and len(ids) > 1]
        without = np.full((len(ids), len(segment.logits)), np.nan, dtype=np.float32)
        if own:
            without[own] = self._compute(self._logits, [ids[:at] + ids[at + 1 :] for at in own], is_wanted)
        return replace(segment, logits_without=without)

    def _compute(self, work: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
        """Compute with the model. Raises ModelError where it fails, as when memory does not hold it."""
        try:
            return in_passing(work, *args, **kwargs)
        except RuntimeError as error:
            raise ModelError(f"the model {self._name} fails on this text: {error}") from error

    @torch.inference_mode()
    def _explain(self, parts: Sequence[Sequence[Token]]) -> list[ExplainedSegment]:
        segments: list[ExplainedSegment] = []
        with _linear_layers(self._model) as seen:
            for logits in self._batches([_ids(tokens) for tokens in parts]):
                layer, read = _last_layer(seen, logits)
                seen.clear()
                head = None if layer is None else self._head(layer)
                vectors = [None] * len(logits) if read is None else read.cpu().numpy()
                rows = zip(parts[len(segments) :], self._of_emotions(logits), vectors, strict=False)
                segments += [
                    ExplainedSegment(tokens=tokens, logits=row, vector=vector, head=head)
                    for tokens, row, vector in rows
                ]
        return segments

    def _head(self, layer: nn.Linear) -> Head:
        weights = layer.weight[self._columns].cpu().numpy()
        biases = np.zeros(len(weights), dtype=np.float32)
        if layer.bias is not None:
            biases = layer.bias[self._columns].cpu().numpy()
        return Head(weights=weights, biases=biases)

    @torch.inference_mode()
    def _attention(self, ids: Sequence[int]) -> list[NDArray[np.float32]]:
        row = torch.tensor([ids], device=self._columns.device)
        output = self._model(row, attention_mask=torch.ones_like(row), output_attentions=True)
        layers = [layer[0].cpu().numpy() for layer in getattr(output, "attentions", None) or ()]
        # Some families see a window around each token: what they give is no matrix of tokens.
        return layers if all(layer.shape[1:] == (len(ids), len(ids)) for layer in layers) else []

    @torch.inference_mode()
    def _logits(self, texts: Sequence[Sequence[int]], is_wanted: Callable[[], bool]) -> NDArray[np.float32]:
        return np.concatenate([self._of_emotions(logits) for logits in self._batches(texts, is_wanted)])

    def _batches(
        self, texts: Sequence[Sequence[int]], is_wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Tensor]:
        """Yield the logits of texts, in their order, some at once."""
        many = max(1, BATCH_TOKENS // max(map(len, texts)))
        for first in range(0, len(texts), many):
            if not is_wanted():
                raise UnwantedError("the explanation is no longer wanted")
            yield padded_logits(self._model, texts[first : first + many], self._tokenizer.pad_id)

    def _of_emotions(self, logits: Tensor) -> NDArray[np.float32]:
        columns: NDArray[np.float32] = logits[:, self._columns].cpu().numpy()
        return columns


def _ids(tokens: Sequence[Token]) -> list[int]:
    return [token.id for token in tokens]


@contextmanager
def _linear_layers(model: PreTrainedModel) -> Iterator[list[tuple[nn.Linear, Tensor, Tensor]]]:
    """Note what linear layers with as many outputs as the model has labels read and give as this thread runs them."""
    seen: list[tuple[nn.Linear, Tensor, Tensor]] = []
    own = get_ident()

    def note(layer: nn.Linear, read: tuple[Tensor, ...], given: Tensor) -> None:
        if get_ident() == own:
            seen.append((layer, read[0], given))

    labels = model.config.num_labels
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer.out_features == labels]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _last_layer(
    seen: Sequence[tuple[nn.Linear, Tensor, Tensor]], logits: Tensor
) -> tuple[nn.Linear, Tensor] | tuple[None, None]:
    """Return the layer whose outputs are the logits of n texts, [n, labels], and what it reads for them, [n, h].

    Some heads read every token, and one token's answer is the text's.
    """
    n = len(logits)
    for layer, read, given in reversed(seen):
        if len(given) != n:
            continue
        rows = given.reshape(n, -1, given.shape[-1])
        same = (rows == logits[:, None]).all(dim=2)
        if same.any(dim=1).all():
            return layer, read.reshape(n, rows.shape[1], -1)[torch.arange(n), same.int().argmax(dim=1)]
    return None, None
