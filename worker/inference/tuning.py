"""How a model is run: engine, threads, micro-batches. On a processor, measured at its first load, and remembered."""

import fcntl
import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, get_args

import msgspec

from moodmill.db.core.atomicfile import atomic_file, make_folder
from moodmill.db.core.engine import Engine, EngineName
from moodmill.worker.core.cpu import instructions, load, processor, usable_cores
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.engines import (
    Tuning,
    engines,
    gpu_engine,
    is_installed,
    runs_on_processor,
    usual_tuning,
)
from moodmill.worker.inference.quantised import quantised_form
from moodmill.worker.inference.repository import BUNDLED, ModelFiles
from moodmill.worker.telemetry.work import METER

logger = logging.getLogger(__name__)

#: Tokens of a micro-batch on a GPU.
GPU_BATCH_TOKENS: Final = 65_536
#: Tokens of a micro-batch on a processor that are tried: many share the cost of a step, few stay in the caches.
BUDGETS: Final = (2_048, 8_192)
#: What was measured while others used so much of the machine, or came out so differently each time, is not sure:
#: processes a core that wanted one, and how far apart the times were.
MAX_LOAD: Final = 0.5
MAX_SPREAD: Final = 0.1
#: Seconds after which what is not sure is measured again.
UNSURE_S: Final = 3_600.0


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What was found to be fastest on this processor, when, and how sure that is."""

    tuning: Tuning
    #: Seconds since 1970.
    measured_at: float
    #: Processes a core that wanted one on average over the minute before.
    load: float
    #: How far the times of what was chosen were apart, as a share of the shortest.
    spread: float
    #: Tokens a second by engine.
    rates: dict[str, float]
    #: Why an engine was not taken.
    refused: dict[str, str] = {}

    @property
    def sure(self) -> bool:
        return self.load <= MAX_LOAD and self.spread <= MAX_SPREAD

    def describe(self) -> str:
        """Return in words what was chosen, when, and how sure that is."""
        when = datetime.fromtimestamp(self.measured_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        rates = ", ".join(f"{engine} {rate:,.0f} tokens/s" for engine, rate in self.rates.items())
        refused = "".join(f"; not {engine}: {why}" for engine, why in self.refused.items())
        sure = "sure" if self.sure else f"not sure, to be measured again: `moodmill tune` ({self.why_unsure})"
        return f"measured {when}: {rates}; {sure}{refused}"

    @property
    def why_unsure(self) -> str:
        return f"load {self.load:.1f} a core, times {self.spread:.0%} apart"


def tuned(files: ModelFiles, settings: WorkerSettings) -> Tuning:
    """Return how to run this model here, within what the settings leave open: on a processor, what is fastest.

    That takes seconds the first time, and is read from `moodmill_tuning` from then on. Raises ModelError, SettingError.
    """
    budget = settings.moodmill_batch_tokens
    if not runs_on_processor(settings):
        return usual_tuning(gpu_engine(settings), budget or GPU_BATCH_TOKENS)
    choices = engines(files, settings)
    if budget is not None and settings.moodmill_precision != "auto":
        return usual_tuning(choices[0], budget)
    return measured(files, settings).tuning


def measured(files: ModelFiles, settings: WorkerSettings, *, anew: bool = False) -> Measurement:
    """Return what is fastest on this processor: what was measured before, or else, or `anew`, what is measured now.

    Raises ModelError, SettingError.
    """
    choices, budgets = _choices(files, settings), _budgets(settings)
    path, place = settings.moodmill_tuning, _place(files, settings, budgets)
    remembered = _recall(path, place, choices)
    if remembered is not None and not anew:
        return remembered
    try:
        with _alone(path):
            remembered = _recall(path, place, choices)
            if anew or remembered is None:  # or another has measured meanwhile
                remembered = _measure(files, settings, choices, budgets)
                _remember(path, {_key(place, choices): remembered})
            return remembered
    except OSError as error:
        logger.warning("what is fastest here cannot be remembered, so it is not measured: %s", error)
        usual = usual_tuning(choices[0], budgets[0])
        return Measurement(tuning=usual, measured_at=0.0, load=0.0, spread=0.0, rates={})


def remembered_of(files: ModelFiles, settings: WorkerSettings) -> Measurement | None:
    """Return what was measured before of a model, as these settings have it run; None where nothing was."""
    if not runs_on_processor(settings):
        return None
    budgets = _budgets(settings)
    return _recall(settings.moodmill_tuning, _place(files, settings, budgets), _choices(files, settings))


def _measure(
    files: ModelFiles, settings: WorkerSettings, choices: Sequence[Engine], budgets: Sequence[int]
) -> Measurement:
    from moodmill.worker.inference.trials import measure

    # A warning is seen where Celery has not set up its log yet, which it does when the model is loaded.
    logger.warning("measuring this processor, once: what is fastest for the model %s, for some seconds", files.name)
    before, now = load() / usable_cores(), time.time()
    with METER.measuring():
        trial = measure(files, settings, choices, budgets)
    found = Measurement(
        tuning=trial.tuning,
        measured_at=now,
        load=before,
        spread=trial.spread,
        rates=trial.rates,
        refused=trial.refused,
    )
    if not found.sure:
        logger.warning(
            "the machine was busy while this processor was measured (%s): %s is taken for now, and measured again "
            "when the model is loaded after an hour, or by `moodmill tune`",
            found.why_unsure,
            found.tuning.engine,
        )
    return found


def _choices(files: ModelFiles, settings: WorkerSettings) -> list[Engine]:
    """Return the engines that are worth a trial."""
    choices = engines(files, settings)
    if files.folder == BUNDLED and choices[0].name == "openvino":
        # Of the bundled model it is known to be the faster (BENCHMARKS.md), and torch takes seconds to import.
        choices = [engine for engine in choices if engine.name == "openvino"]
    return choices


def _budgets(settings: WorkerSettings) -> tuple[int, ...]:
    return BUDGETS if settings.moodmill_batch_tokens is None else (settings.moodmill_batch_tokens,)


def _place(files: ModelFiles, settings: WorkerSettings, budgets: Sequence[int]) -> str:
    """Return what a measurement depends on, in words; the engines apart."""
    form = quantised_form(files, settings.moodmill_cache)
    parts = [
        files.name,
        *([f"int8 {form.gate.digest}"] if form else []),
        f"{'/'.join(map(str, budgets))} tokens",
        f"{usable_cores()} threads",
        f"{processor()} ({_capability()})",
        *(f"{package} {version(package)}" for package in ("moodmill", *filter(is_installed, get_args(EngineName)))),
    ]
    return ", ".join(parts)


def _key(place: str, choices: Sequence[Engine]) -> str:
    return f"{place}: {'/'.join(map(str, choices))}"


def _recall(path: Path, place: str, choices: Sequence[Engine]) -> Measurement | None:
    """Return what was measured, unless it is to be measured again.

    Of one engine alone it is also known where that was the best of several.
    """
    known = _read(path)
    found = [known.get(_key(place, choices))]
    if len(choices) == 1:
        found += [one for key, one in known.items() if key.startswith(f"{place}: ") and one.tuning.engine == choices[0]]
    return next((one for one in found if one is not None and _holds(one)), None)


def _holds(measurement: Measurement) -> bool:
    """Tell whether a measurement needs no other: it is sure, or not old."""
    return measurement.sure or 0 <= time.time() - measurement.measured_at < UNSURE_S


def _capability() -> str:
    """Return a short name for the processor's instruction sets: machines of one name may have others."""
    return hashlib.sha256(" ".join(sorted(instructions())).encode()).hexdigest()[:8]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let workers that start at once measure one after the other: the second one reads what the first one found."""
    make_folder(path.parent)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> dict[str, Measurement]:
    """Return what was measured before, by what it depends on."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Measurement])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("cannot read what was measured before, measuring again: %s: %s", path, error)
        return {}


def _remember(path: Path, measured: dict[str, Measurement]) -> None:
    with atomic_file(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(_read(path) | measured)))
