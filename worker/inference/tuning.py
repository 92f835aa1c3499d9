"""How a model is run: precision, threads, micro-batches. On a CPU, measured at its first load, and remembered."""

import fcntl
import logging
import platform
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch
import transformers

from moodmill.db.core.atomicfile import atomic_file, make_folder
from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.linear import multiplies
from moodmill.worker.inference.microbatch import cut
from moodmill.worker.inference.model import EmotionModel, choose_device, choose_precision
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.tokens import TextTokenizer

logger = logging.getLogger(__name__)

#: Tokens of a micro-batch on a GPU.
GPU_BATCH_TOKENS: Final = 65_536
#: Tokens of a micro-batch on a CPU that are tried: many share the cost of a step, few stay in the caches.
BUDGETS: Final = (8_192, 2_048)
#: bf16 is not taken where a probability differs by more than this from fp32.
TOLERANCE: Final = 0.02
#: A choice other than the usual one has to be so much faster: below that it is noise.
WORTHWHILE: Final = 1.05
#: Times that each choice is measured.
ROUNDS: Final = 2
#: Texts that are measured with say this once to three times of each emotion: about 48 tokens, the mean of Reddit's
#: comments.
_TEXT: Final = "i read the whole thread twice last night and all that i can say is that i feel so much {0} about it, "


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a model is run."""

    precision: str
    #: Of torch, on a CPU.
    threads: int
    batch_tokens: int


def tuned(files: ModelFiles, settings: WorkerSettings) -> Tuning:
    """Return how to run this model here, within what the settings leave open: on a CPU, what is fastest.

    That takes seconds the first time, and is read from `moodmill_tuning` from then on. Raises ModelError, SettingError.
    """
    precision, budget = settings.moodmill_precision, settings.moodmill_batch_tokens
    threads = torch.get_num_threads()
    device = choose_device(settings.moodmill_device)
    if device.type != "cpu":
        exact = choose_precision(precision, device)
        return Tuning(precision=exact, threads=threads, batch_tokens=budget or GPU_BATCH_TOKENS)
    if precision != "auto" and budget is not None:
        return Tuning(precision=precision, threads=threads, batch_tokens=budget)
    precisions = _precisions() if precision == "auto" else [precision]
    budgets = BUDGETS if budget is None else [budget]
    capability = torch.backends.cpu.get_cpu_capability()
    key = (
        f"{files.name}: {'/'.join(precisions)}, {'/'.join(map(str, budgets))} tokens, {threads} threads, {capability} "
        f"of {_processor()}, moodmill {version('moodmill')}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}"
    )
    path = settings.moodmill_tuning
    remembered = _recall(path)
    if key in remembered:
        return remembered[key]
    try:
        with _alone(path):
            remembered = _recall(path)  # what another has found meanwhile
            if key not in remembered:
                # A warning is seen where Celery has not set up its log yet, which it does when the model is loaded.
                logger.warning("measuring once what is fastest for the model %s on this CPU, for a minute", files.name)
                remembered[key] = _measure(files, precisions, budgets, threads)
                _remember(path, remembered)
            return remembered[key]
    except OSError as error:
        logger.warning("what is fastest here cannot be remembered, so it is not measured: %s", error)
        return Tuning(precision=precisions[0], threads=threads, batch_tokens=budgets[0])


def _processor() -> str:
    """Return what kind of processor this is; not whose, where it says so: each new container has another name."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # another system than Linux
        found = None
    return found[1] if found else platform.node()


def _precisions() -> list[str]:
    """Return what this CPU can compute in, without emulating it in software."""
    return ["fp32", "bf16"] if multiplies(torch.bfloat16) else ["fp32"]


class _Trials:
    """Tries one choice after the other, each against the best of those before it."""

    def __init__(self, files: ModelFiles, start: Tuning) -> None:
        self.best = start
        self._files = files
        self._model = EmotionModel(files, "cpu", start.precision)
        tokenizer = TextTokenizer(files.folder, self._model.max_tokens)
        self._pad_id = tokenizer.pad_id
        texts = tokenizer.encode([(1 + n % 3) * _TEXT.format(one) for n, one in enumerate(EMOTIONS)])
        self._segments = [segment for text in texts for segment in text.segments]

    def try_precision(self, precision: str) -> None:
        ids = [one.ids for one in self._segments]
        try:
            model = EmotionModel(self._files, "cpu", precision)
            apart = self._model.probabilities(ids, self._pad_id) - model.probabilities(ids, self._pad_id)
        except Exception as error:  # noqa: BLE001 - the precision before works
            logger.warning("this model does not run in %s here: %s: %s", precision, type(error).__name__, error)
            return
        if np.abs(apart).max() <= TOLERANCE and self._try(model, replace(self.best, precision=precision)):
            self._model = model

    def try_budget(self, tokens: int) -> None:
        self._try(self._model, replace(self.best, batch_tokens=tokens))

    def try_threads(self, threads: int) -> None:
        self._try(self._model, replace(self.best, threads=threads))

    def _try(self, model: EmotionModel, tuning: Tuning) -> bool:
        """Time a choice and the best one in turns, for a machine may be slower for a while; take the faster."""
        times = [(self._seconds(model, tuning), self._seconds(self._model, self.best)) for _ in range(ROUNDS)]
        tried, known = (min(column) for column in zip(*times, strict=True))
        if tried * WORTHWHILE > known:
            return False
        self.best = tuning
        return True

    def _seconds(self, model: EmotionModel, tuning: Tuning) -> float:
        """Return how long the same texts take in micro-batches of that size."""
        wanted = max(tuning.batch_tokens, self.best.batch_tokens, *BUDGETS)
        segments = self._segments * (1 + wanted // sum(one.length for one in self._segments))
        batches = [[one.ids for one in batch] for batch in cut(segments, tuning.batch_tokens, pads=model.pads)]
        before = torch.get_num_threads()
        torch.set_num_threads(tuning.threads)
        try:
            model.probabilities(batches[-1], self._pad_id)
            begun = time.perf_counter()
            for batch in batches:
                model.probabilities(batch, self._pad_id)
            return time.perf_counter() - begun
        finally:
            torch.set_num_threads(before)


def _measure(files: ModelFiles, precisions: Sequence[str], budgets: Sequence[int], threads: int) -> Tuning:
    trials = _Trials(files, Tuning(precision=precisions[0], threads=threads, batch_tokens=budgets[0]))
    for precision in precisions[1:]:
        trials.try_precision(precision)
    for budget in budgets[1:]:
        trials.try_budget(budget)
    if threads > 1:
        trials.try_threads(threads // 2)
    return trials.best


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let workers that start at once measure one after the other: the second one reads what the first one found."""
    make_folder(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _recall(path: Path) -> dict[str, Tuning]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Tuning])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("cannot read what was measured before, measuring again: %s: %s", path, error)
        return {}


def _remember(path: Path, tunings: dict[str, Tuning]) -> None:
    with atomic_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(tunings)))
