"""What the pages ask of a model, as values that JSON holds."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from moodmill.classifier import EmotionClassifier
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import MoodmillError
from moodmill.web.facts import read_facts
from moodmill.worker.inference.explanation import ExplainedSegment, Explanation
from moodmill.worker.inference.tokens import Token

#: Explanations that are remembered: a page asks for a text's attention, layer by layer, after the text itself.
KEPT: Final = 8
#: What 1 is in an attention's numbers, which are sent as unsigned integers of 16 bits.
ATTENTION_UNIT: Final = 65_535


class NotThereError(MoodmillError):
    """A segment or a layer is asked for that there is none of."""


class Explorer:
    """A model to look into. May be used from several threads at once."""

    def __init__(self, classifier: EmotionClassifier) -> None:
        self._classifier: Final = classifier
        self._explainer: Final = classifier.explainer
        self._serving: Final = ThreadPoolExecutor(4, "serving")
        self._explain: Callable[[str], Explanation] = lru_cache(KEPT)(
            lambda text: classifier.explain(text, effects=False)
        )
        self._attend: Callable[[str, int], list[NDArray[np.uint16]]] = lru_cache(1)(self._attention_of)

    def close(self) -> None:
        """End the classifier's threads, and let the model go."""
        self._serving.shutdown()
        self._classifier.close()

    def model(self) -> dict[str, Any]:
        """Return what the model is: shape, head, thresholds, and what its folder says of its training."""
        classifier, config = self._classifier, self._explainer.config
        [segment] = self._explain("").segments
        head = segment.head
        return {
            "name": classifier.name,
            "source": classifier.source,
            "family": config.model_type,
            "layers": config.num_hidden_layers,
            "heads": config.num_attention_heads,
            "hidden": config.hidden_size,
            "vocabulary": config.vocab_size,
            "parameters": self._explainer.parameters,
            "segment_tokens": self._explainer.segment_tokens,
            "max_tokens": classifier.max_tokens,
            "pooling": self._explainer.pooling,
            "runs_on": classifier.runs_on,
            "emotions": [
                {
                    "name": name,
                    "group": GROUP_OF[name],
                    "threshold": classifier.thresholds[name],
                    "bias": None if head is None else float(head.biases[at]),
                    "weights": None if head is None else _short(head.weights[at]),
                }
                for at, name in enumerate(EMOTIONS)
            ],
            "facts": read_facts(classifier.folder),
        }

    def explain(self, text: str, number: int = 0) -> dict[str, Any]:
        """Return what the model says of a text, and of one of its segments in detail. Raises NotThereError."""
        # Beside it: a worker's classifier waits a moment for others' texts, to classify them together.
        serving = self._serving.submit(self._classifier.predict_proba, [text])
        explanation = self._explain(text)
        segment = _at(explanation.segments, number, "segment")
        [served] = serving.result()
        return {
            "probabilities": _short(explanation.probabilities),
            "served": _short(served),
            "truncated": explanation.truncated,
            "unsupported": explanation.unsupported,
            "segment": number,
            "segments": [
                {"tokens": len(one.tokens), "text": _text(one), "probabilities": _short(one.probabilities)}
                for one in explanation.segments
            ],
            "tokens": [_token(token) for token in segment.tokens],
            "logits": _short(segment.logits),
            "vector": None if segment.vector is None else _short(segment.vector),
        }

    def effects(self, text: str, number: int = 0) -> dict[str, Any]:
        """Return [tokens][27]: how much higher each probability is for each token; null for special ones."""
        segment = _at(self._explain(text).segments, number, "segment")
        effects = self._explainer.leave_one_out(segment).effects
        return {"effects": [None if np.isnan(row).any() else _short(row) for row in effects]}

    def attention(self, text: str, number: int, layer: int) -> NDArray[np.uint16]:
        """Return [heads, n, n] of ATTENTION_UNIT: what each token of a segment looks at. Raises NotThereError."""
        weights: NDArray[np.uint16] = _at(self._attend(text, number), layer, "layer")
        return weights

    def _attention_of(self, text: str, number: int) -> list[NDArray[np.uint16]]:
        segment = _at(self._explain(text).segments, number, "segment")
        return [np.round(layer * ATTENTION_UNIT).astype(np.uint16) for layer in self._explainer.attention(segment)]


def _at(things: Any, number: int, kind: str) -> Any:
    if not 0 <= number < len(things):
        raise NotThereError(f"{kind} {number} is not there: expected 0 to {len(things) - 1}")
    return things[number]


def _short(numbers: NDArray[np.float32]) -> list[float]:
    """Return floats of the 8 digits that a float32 has."""
    return [float(f"{number:.8g}") for number in numbers.tolist()]


def _text(segment: ExplainedSegment) -> str:
    """Return a segment's first words."""
    return " ".join(token.text for token in segment.tokens if not token.special)[:80]


def _token(token: Token) -> Mapping[str, Any]:
    return {
        "id": token.id,
        "piece": token.piece,
        "text": token.text,
        "special": token.special,
        "unknown": token.unknown,
    }
