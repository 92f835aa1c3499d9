"""What the pages ask of a model, as values that JSON holds."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from moodmill.classifier import EmotionClassifier
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import MoodmillError
from moodmill.db.core.text import clean, shortened
from moodmill.web.facts import read_facts
from moodmill.worker.core.settings import BUNDLED_MODEL
from moodmill.worker.inference.explanation import ExplainedSegment, Explanation
from moodmill.worker.inference.tokens import Token

#: Explanations that are remembered: a page asks for a text's attention, layer by layer, after the text itself.
KEPT: Final = 8
#: What 1 is in an attention's numbers, which are sent as unsigned integers of 16 bits.
ATTENTION_UNIT: Final = 65_535
#: Tokens of a segment up to which each of them is left out unasked: a second's work.
UNASKED: Final = 128
#: Characters of a segment's text by which it is named.
NAMED_BY: Final = 80


class NotThereError(MoodmillError):
    """A segment or a layer is asked for that there is none of."""


class Explorer:
    """A model to look into. May be used from several threads at once."""

    def __init__(self, classifier: EmotionClassifier) -> None:
        self._classifier: Final = classifier
        self._explainer: Final = classifier.explainer
        self._serving: Final = ThreadPoolExecutor(4, "serving")
        #: One text at a time: its tokens are left out one by one, on all cores.
        self._leaving_out: Final = Lock()
        self._ended: Final = Event()
        self._explain: Callable[[str], Explanation] = lru_cache(KEPT)(
            lambda text: classifier.explain(text, effects=False)
        )
        self._attend: Callable[[str, int], list[NDArray[np.uint16]]] = lru_cache(1)(self._attention_of)
        self._effects: dict[tuple[str, int], list[list[float] | None]] = {}
        self._model: Final = self._describe()

    def end(self) -> None:
        """Give up what is being computed; nothing is answered any more that takes long."""
        self._ended.set()

    def close(self) -> None:
        """End the classifier's threads, and let the model go."""
        self.end()
        self._serving.shutdown()
        self._classifier.close()

    def model(self) -> dict[str, Any]:
        """Return what the model is: shape, head, thresholds, and what its folder says of its training."""
        return self._model

    def explain(self, text: str, number: int = 0) -> dict[str, Any]:
        """Return what the model says of a text, and of one of its segments in detail.

        Raises NotThereError, or ModelError where the model fails.
        """
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
            "segments": [_summary(part, clean(text)) for part in explanation.segments],
            "tokens": [_token(token) for token in segment.tokens],
            "logits": _short(segment.logits),
            "vector": None if segment.vector is None else _short(segment.vector),
        }

    def effects(
        self, text: str, number: int = 0, is_wanted: Callable[[], bool] = lambda: True
    ) -> list[list[float] | None]:
        """Return [tokens][27]: how much higher each probability is for each token; None for special ones.

        Raises NotThereError, ModelError, or UnwantedError as soon as it is no longer wanted.
        """

        def goes_on() -> bool:
            return is_wanted() and not self._ended.is_set()

        segment = _at(self._explain(text).segments, number, "segment")
        with self._leaving_out:
            if (text, number) not in self._effects:
                explained = self._explainer.leave_one_out(segment, goes_on)
                while len(self._effects) >= KEPT:
                    self._effects.pop(next(iter(self._effects)))
                rows = [None if np.isnan(row).any() else _short(row) for row in explained.effects]
                self._effects[text, number] = rows
            return self._effects[text, number]

    def attention(self, text: str, number: int, layer: int) -> NDArray[np.uint16]:
        """Return [heads, n, n] of ATTENTION_UNIT: what each token of a segment looks at.

        Raises NotThereError, or ModelError where the model fails.
        """
        weights: NDArray[np.uint16] = _at(self._attend(text, number), layer, "layer")
        return weights

    def _attention_of(self, text: str, number: int) -> list[NDArray[np.uint16]]:
        segment = _at(self._explain(text).segments, number, "segment")
        layers = self._explainer.attention(segment)
        return [np.round(layer * ATTENTION_UNIT).astype(np.uint16) for layer in layers]

    def _describe(self) -> dict[str, Any]:
        classifier, config, columns = self._classifier, self._explainer.config, self._explainer.columns
        # Of any word: a text has one token at least, which not all tokenizers make of an empty one.
        segment = self._explain("a").segments[0]
        head, layers = segment.head, self._explainer.attention(segment)
        source = classifier.source
        kind = "bundled" if source == BUNDLED_MODEL else "folder" if Path(source).is_dir() else "hub"
        return {
            "name": classifier.name,
            "source": {"kind": kind, "name": source, "revision": classifier.revision},
            "family": config.model_type,
            "layers": len(layers) or getattr(config, "num_hidden_layers", 0),
            "heads": layers[0].shape[0] if layers else 0,
            "hidden": getattr(config, "hidden_size", None),
            "outputs": config.num_labels,
            "columns": columns,
            "parameters": self._explainer.parameters,
            "segment_tokens": self._explainer.segment_tokens,
            "max_tokens": classifier.max_tokens,
            "unasked": UNASKED,
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


def _at(things: Any, number: int, kind: str) -> Any:
    if not 0 <= number < len(things):
        expected = f"expected 0 to {len(things) - 1}" if len(things) else "this model gives none"
        raise NotThereError(f"{kind} {number} is not there: {expected}")
    return things[number]


def _short(numbers: NDArray[np.float32]) -> list[float]:
    """Return floats of the 8 digits that a float32 has."""
    return [float(f"{number:.8g}") for number in numbers.tolist()]


def _summary(segment: ExplainedSegment, text: str) -> dict[str, Any]:
    own = [token for token in segment.tokens if not token.special]
    begins = shortened(text[own[0].start : own[-1].stop], NAMED_BY) if own else ""
    return {"tokens": len(segment.tokens), "text": begins, "probabilities": _short(segment.probabilities)}


def _token(token: Token) -> Mapping[str, Any]:
    return {
        "id": token.id,
        "piece": token.piece,
        "text": token.text,
        "special": token.special,
        "unknown": token.unknown,
    }
