"""The classifier as a library has it: texts in, the probabilities of the 27 emotions out, nothing stored."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, Self, TypedDict, overload
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from moodmill.arguments import worker_settings
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import EngineChoice, Precision
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.worker.core.settings import BUNDLED_MODEL, MAX_TOKENS, WorkerSettings
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.repository import find_model

if TYPE_CHECKING:
    from moodmill.worker.inference.explainer import Explainer
    from moodmill.worker.inference.explanation import Explanation


class Score(TypedDict):
    """An emotion of a text, as pipelines of transformers give it."""

    label: str
    #: The probability of the emotion, 0 to 1; those of a text do not add up to 1.
    score: float


class EmotionClassifier:
    """Classifies texts in this process, any number of threads at once; made by `from_pretrained`.

    It holds the model and a thread that runs it until it is closed: by `close`, at the end of a `with`, or when nobody
    holds it any more.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        """Load the model that the settings name. Raises ModelError, or SettingError for what a setting cannot be."""
        self._files: Final = find_model(settings)
        self._settings: Final = settings
        self._explainer: Explainer | None = None
        self._explainer_lock: Final = Lock()
        stack = ExitStack()
        self._classifier: Final = stack.enter_context(load_classifier(self._files, settings))
        self._end: Final = finalize(self, stack.close)

    @classmethod
    def from_pretrained(
        cls,
        model: str = BUNDLED_MODEL,
        *,
        revision: str | None = None,
        labels: str | None = None,
        device: str = "auto",
        engine: EngineChoice = "auto",
        precision: Precision = "auto",
        batch_tokens: int | None = None,
        max_tokens: int = MAX_TOKENS,
    ) -> Self:
        """Load a model that names the 27 emotions of GoEmotions among its labels.

        Args:
            model: "bundled", a folder, or a repository of the Hugging Face Hub.
            revision: Commit, tag or branch of the repository.
            labels: Names of the outputs of a model that does not name them: with commas between, a file, or
                "goemotions".
            device: "auto" takes a GPU where there is one; else what torch calls a device, as "cpu" or "cuda:1".
            engine: "openvino" runs on x86 processors, "torch" everywhere; "auto" is what is fastest on the device.
            precision: "auto" is what is fastest and says nearly the same: on a processor that is measured once, for
                some seconds, and remembered.
            batch_tokens: Tokens of a micro-batch; without it, by device.
            max_tokens: Tokens of a text that are read at most, special ones included.

        No setting is read from the environment.

        Raises:
            ModelError: The model cannot be had, cannot be loaded, or lacks emotions.
            SettingError: The device is not there, or an argument has no valid value.
        """
        settings = worker_settings(
            model,
            revision=revision,
            labels=labels,
            device=device,
            engine=engine,
            precision=precision,
            batch_tokens=batch_tokens,
            max_tokens=max_tokens,
        )
        return cls(settings)

    @property
    def name(self) -> str:
        """The model's name and revision, as rows of a store carry it."""
        return self._files.name

    @property
    def thresholds(self) -> Mapping[str, float]:
        """The probability above which each emotion counts as found, by the model's own tuning."""
        return self._files.thresholds

    @property
    def source(self) -> str:
        """What it was loaded by: "bundled", a folder, or a repository."""
        return self._settings.hf_model_repo

    @property
    def revision(self) -> str | None:
        """Commit, tag or branch of the repository that was asked for."""
        return self._settings.hf_model_revision

    @property
    def folder(self) -> Path:
        """Where the model's files are."""
        return self._files.folder

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that are read at most, special ones included."""
        return self._settings.moodmill_max_tokens

    @property
    def runs_on(self) -> str:
        """In words: device, precision and size of micro-batches."""
        return str(self._classifier)

    @overload  # a text is a sequence of texts, too, but is meant as one
    def __call__(self, texts: str, top_k: int | None = None) -> list[Score]: ...  # type: ignore[overload-overlap]

    @overload
    def __call__(self, texts: Sequence[str], top_k: int | None = None) -> list[list[Score]]: ...

    def __call__(self, texts: str | Sequence[str], top_k: int | None = None) -> list[Score] | list[list[Score]]:
        """Return the emotions of each text, the most probable ones first: all 27, or `top_k` of them.

        One text alone gets one list, several a list of lists. Raises as `predict_proba`, and SettingError for a `top_k`
        that is not 1 or more.
        """
        if top_k is not None and top_k < 1:
            raise SettingError(f"top_k is {top_k}: expected 1 to {len(EMOTIONS)}, or None for all")
        if isinstance(texts, str):
            return self([texts], top_k)[0]
        ranked = []
        for probabilities in self.predict_proba(texts):
            order = np.argsort(-probabilities, kind="stable")[:top_k].tolist()
            ranked.append([Score(label=EMOTIONS[emotion], score=float(probabilities[emotion])) for emotion in order])
        return ranked

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the probabilities of n texts, [n, 27], columns in the order of `moodmill.EMOTIONS`.

        Raises:
            TypeError: What is given is one text, or not all of it are texts.
            ModelError: The model fails on a text.
            RuntimeError: The classifier is closed.
        """
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError("expected a sequence of texts")
        if not self._end.alive:
            raise RuntimeError("the classifier is closed")
        if not len(texts):
            return np.empty((0, len(EMOTIONS)), dtype=np.float32)
        outcome = self._classifier.classify(texts)
        for row, error in outcome.errors.items():
            raise ModelError(f"the model {self.name} fails on text {row + 1}: {error}")
        return outcome.probabilities

    @property
    def explainer(self) -> "Explainer":
        """A second copy of the model, in fp32, that can be looked into; loaded when it is first asked for.

        Raises ModelError when that cannot be.
        """
        with self._explainer_lock:
            if self._explainer is None:
                from moodmill.worker.inference.explainer import Explainer  # torch

                self._explainer = Explainer(self._files, self._settings)
            return self._explainer

    def explain(self, text: str, *, effects: bool = True) -> "Explanation":
        """Return how the model comes to its probabilities of a text, in fp32, segment by segment of n tokens.

        `segments[0].tokens` are the tokens, `.effects` [n, 27] says how much higher each probability is for each of
        them, and `.products` [27, h] and the head's biases add up to the `.logits` [27]. Effects take as long as
        classifying a segment n times; `effects=False` leaves them out. `explainer.attention(segment)` gives the
        attention of each layer, [heads, n, n], which is no explanation (Jain and Wallace, 2019).

        Raises:
            TypeError: What is given is no text.
            ModelError: The model cannot be loaded a second time, or fails on the text.
        """
        if not isinstance(text, str):
            raise TypeError("expected a text")
        explanation = self.explainer.explain(text)
        if not effects:
            return explanation
        return replace(explanation, segments=[*map(self.explainer.leave_one_out, explanation.segments)])

    def close(self) -> None:
        """End the thread, and let the model go. Closing twice is harmless."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
