"""Measures on this processor which way of running a model is fastest: some seconds for most models."""

import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.cpu import usable_cores
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.engines import Tuning, load_as, usual_tuning
from moodmill.worker.inference.microbatch import cut
from moodmill.worker.inference.model import EmotionModel, NotRunnableError
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.tokens import Segment, TextTokenizer

logger = logging.getLogger(__name__)

#: Another precision or engine is not taken where a probability differs by more than this from the same in fp32.
TOLERANCE: Final = 0.02
#: Another engine in the same precision says the same but for the order of its sums.
SAME: Final = 0.001
#: A choice other than the usual one has to be so much faster: below that it is noise.
WORTHWHILE: Final = 1.05
#: Times that each choice is measured, in turns with the best one before.
ROUNDS: Final = 3
#: Seconds that one measurement is to take, about; after which no other choice is tried; and the longest that a
#: micro-batch of a size that is tried takes.
STEP_S: Final = 0.2
LIMIT_S: Final = 8.0
LONGEST_S: Final = 1.0
#: Threads from which on half of them are tried too: two threads of one core may be in each other's way.
MANY_THREADS: Final = 4
#: Texts that are measured with say this once to three times of each emotion: about 48 tokens, the mean of Reddit's
#: comments.
_TEXT: Final = "i read the whole thread twice last night and all that i can say is that i feel so much {0} about it, "


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was measured."""

    tuning: Tuning
    #: Tokens a second of each engine that was tried, by its name.
    rates: dict[str, float]
    #: How far the times of the best choice were apart, as a share of the shortest: what is taken for noise.
    spread: float
    #: Why an engine was not taken, by its name.
    refused: dict[str, str]


def measure(files: ModelFiles, settings: WorkerSettings, engines: Sequence[Engine], budgets: Sequence[int]) -> Trial:
    """Try all choices, as long as there is time. Raises ModelError where no engine runs the model."""
    begun = time.monotonic()
    # What a model says is what its own library says, where that is among the engines.
    reference = Engine("torch" if any(engine.name == "torch" for engine in engines) else "openvino", "fp32")
    trials = _Trials(files, settings, reference, budgets[0])
    for engine in engines:
        if engine.precision != "fp32" or not trials.took(Engine(engine.name, "bf16")):  # faster where it is native
            trials.try_engine(engine)
    choices: list[dict[str, int]] = [{"batch_tokens": budget} for budget in budgets[1:]]
    choices += [{"lanes": 1}]
    threads = usable_cores()
    choices += [{"threads": threads // 2}] if threads >= MANY_THREADS else []
    for choice in choices:
        if time.monotonic() - begun < LIMIT_S:
            trials.try_choice(choice)
    return trials.result()


class _DiffersError(Exception):
    """An engine says something else than the model does."""


class _Trials:
    """Tries one choice after the other, each against the best of those before it."""

    def __init__(self, files: ModelFiles, settings: WorkerSettings, reference: Engine, budget: int) -> None:
        """`reference` is what others are held against; `budget`: tokens of a micro-batch, at first."""
        self._files = files
        self._settings = settings
        self._reference = reference
        self._budget = budget
        self._rates: dict[str, float] = {}
        self._refused: dict[str, str] = {}
        self._spread = 0.0
        self._best: tuple[Tuning, EmotionModel] | None = None
        self._loaded: dict[Engine, EmotionModel] = {}

    def took(self, engine: Engine) -> bool:
        return str(engine) in self._rates

    def result(self) -> Trial:
        if self._best is None:
            raise ModelError(f"no engine runs the model {self._files.name}: {'; '.join(self._refused.values())}")
        return Trial(tuning=self._best[0], rates=self._rates, spread=self._spread, refused=self._refused)

    def try_engine(self, engine: Engine) -> None:
        """Take an engine where it says what the model says, and is the fastest so far."""
        tuning = usual_tuning(engine, self._budget)
        try:
            model = self._model(engine)
            if engine.precision != "int8":  # whose gate has judged it, on more than some sentences
                self._check(model)
            self._try(tuning, model)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, another engine may do
            why = (
                str(error)
                if isinstance(error, _DiffersError | NotRunnableError)
                else f"{type(error).__name__}: {error}"
            )
            self._refused[str(engine)] = why
            logger.warning("the model %s is not run by %s here: %s", self._files.name, engine, why)

    def try_choice(self, choice: Mapping[str, int]) -> None:
        """Take another way of running with the best engine, where it is faster."""
        if self._best is None:
            return
        tuning, model = self._best
        changed = replace(tuning, **choice)  # type: ignore[arg-type] # numbers alone
        if changed == tuning:
            return
        if changed.batch_tokens > LONGEST_S * self._rates[str(tuning.engine)]:
            return  # so slow a model gains nothing by more tokens at once
        self._try(changed, model if "batch_tokens" in choice else load_as(self._files, self._settings, changed))

    def _model(self, engine: Engine) -> EmotionModel:
        if engine not in self._loaded:
            self._loaded[engine] = load_as(self._files, self._settings, usual_tuning(engine, self._budget))
        return self._loaded[engine]

    def _check(self, model: EmotionModel) -> None:
        others = model.engine.precision != self._reference.precision
        if model.engine == self._reference or (others and self._settings.moodmill_precision != "auto"):
            return  # who asks for a precision by name gets it
        apart = float(np.abs(self._sampled(model) - self._sampled(self._model(self._reference))).max())
        limit = TOLERANCE if others else SAME
        if not apart <= limit:
            raise _DiffersError(f"a probability differs by {apart:.4f} from that of {self._reference}")

    def _sampled(self, model: EmotionModel) -> NDArray[np.float32]:
        return model.probabilities([one.ids for one in self._segments], self._pad_id)

    @cached_property
    def _tokenizer(self) -> TextTokenizer:
        most = self._model(self._reference).max_tokens
        return TextTokenizer(self._files.folder, most, cache=self._settings.moodmill_cache)

    @cached_property
    def _segments(self) -> list[Segment]:
        texts = self._tokenizer.encode([(1 + n % 3) * _TEXT.format(one) for n, one in enumerate(EMOTIONS)])
        return [segment for text in texts for segment in text.segments]

    @property
    def _pad_id(self) -> int:
        return self._tokenizer.pad_id

    def _try(self, tuning: Tuning, model: EmotionModel) -> None:
        """Time a choice and the best one in turns, for a machine may be slower for a while; take the faster."""
        tokens = self._tokens_of_a_step(tuning, model)
        best_tuning, best_model = self._best or (tuning, model)
        times = [
            (self._seconds(model, tuning, tokens), self._seconds(best_model, best_tuning, tokens))
            for _ in range(ROUNDS)
        ]
        mine, known = ([*column] for column in zip(*times, strict=True))
        self._rates.setdefault(str(tuning.engine), 0.0)
        self._rates[str(tuning.engine)] = max(self._rates[str(tuning.engine)], tokens / min(mine))
        if self._best is None or min(mine) * WORTHWHILE < min(known):
            self._best, known = (tuning, model), mine
        self._spread = max(known) / min(known) - 1

    def _tokens_of_a_step(self, tuning: Tuning, model: EmotionModel) -> int:
        """Return how many tokens take about STEP_S: one micro-batch at least."""
        self._seconds(model, tuning, 1)  # the first ones make room, and compile what they need
        rate = 1 / self._seconds(model, tuning, 1)
        return max(tuning.batch_tokens * tuning.lanes, round(rate * STEP_S))

    def _seconds(self, model: EmotionModel, tuning: Tuning, tokens: int) -> float:
        """Return how long so many tokens take in micro-batches of that size, by all samples as often as it takes."""
        segments = self._segments * -(-tokens // sum(one.length for one in self._segments))
        batches = [[one.ids for one in batch] for batch in cut(segments, tuning.batch_tokens, pads=model.pads)]
        with ThreadPoolExecutor(tuning.lanes) as threads:
            begun = time.perf_counter()
            for _ in threads.map(lambda batch: model.probabilities(batch, self._pad_id), batches):
                pass
            return (time.perf_counter() - begun) * tokens / sum(len(ids) for batch in batches for ids in batch)
