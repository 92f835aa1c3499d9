"""Which engines can run a model here, and the model loaded with one of them."""

import logging
import platform
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final, get_args

from moodmill.db.core.engine import Engine, EngineName, ExactPrecision, Precision
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.worker.core.cpu import has_bf16, has_int8, is_x86, usable_cores
from moodmill.worker.core.device import check_device, is_built_for, may_have_gpu
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.model import EmotionModel, NotRunnableError
from moodmill.worker.inference.quantised import quantised_form
from moodmill.worker.inference.repository import ModelFiles

logger = logging.getLogger(__name__)

#: What an engine needs to be installed.
_PACKAGES: Final[dict[EngineName, tuple[str, ...]]] = {"openvino": ("openvino",), "torch": ("torch", "transformers")}
#: The extra that brings it.
_EXTRAS: Final[dict[EngineName, str]] = {"openvino": "cpu", "torch": "worker"}


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How a model is run."""

    engine: Engine
    #: Of a processor, for all micro-batches at once together.
    threads: int
    #: Micro-batches at once, on a processor; on a GPU the engine says.
    lanes: int
    #: Of a micro-batch.
    batch_tokens: int


def usual_tuning(engine: Engine, batch_tokens: int) -> Tuning:
    """Return how an engine is run as long as nothing else is known to be faster."""
    threads, lanes = usable_cores(), 1
    if engine.name == "openvino":
        # With cores of its own, a micro-batch waits for none of those that something else takes for a moment: the whole
        # way of two cores is 1 to 4 % faster with two than with one.
        lanes = min(threads, max(2, threads // 4))
    return Tuning(engine=engine, threads=threads, lanes=lanes, batch_tokens=batch_tokens)


def runs_on_processor(settings: WorkerSettings) -> bool:
    """Tell whether a model is to run on the processor. Imports torch only where it is built for a GPU.

    Raises SettingError for a device that is not there.
    """
    wanted = settings.moodmill_device
    check_device(wanted)
    if wanted != "auto":
        return wanted.partition(":")[0] == "cpu"
    if not (is_built_for("cuda") and may_have_gpu()):
        return True
    import torch

    return not torch.cuda.is_available()


def gpu_engine(settings: WorkerSettings) -> Engine:
    """Return the engine on another device than the processor. Raises SettingError where that cannot be."""
    from moodmill.worker.inference.torch_model import choose_device, choose_precision

    if settings.moodmill_engine == "openvino":
        raise SettingError("the engine openvino (MOODMILL_ENGINE) runs on processors: set MOODMILL_DEVICE to cpu")
    _check_precision("torch", settings.moodmill_precision)
    return Engine("torch", choose_precision(settings.moodmill_precision, choose_device(settings.moodmill_device)))


def engines(files: ModelFiles, settings: WorkerSettings) -> list[Engine]:
    """Return the engines that may run a model on this processor, as far as the settings leave it open.

    What is probably fastest comes first. A quantised form is only taken unasked where it passed its gate, and the
    processor multiplies 8-bit numbers. Raises SettingError for what cannot be, ImportError where nothing is installed.
    """
    return [Engine(name, precision) for name in _names(settings) for precision in _precisions(name, files, settings)]


def load_model(files: ModelFiles, settings: WorkerSettings, tuning: Tuning) -> EmotionModel:
    """Load a model as it is to be run. Raises ModelError or SettingError when that cannot be.

    Where OpenVINO cannot run it, and nobody named the engine, torch does.
    """
    try:
        return load_as(files, settings, tuning)
    except NotRunnableError as error:
        if settings.moodmill_engine != "auto" or tuning.engine.precision == "int8" or not is_installed("torch"):
            raise ModelError(f"openvino cannot run the model {files.name}: {error}") from error
        logger.warning("torch runs the model %s, for openvino cannot: %s", files.name, error)
    return load_as(files, settings, replace(tuning, engine=Engine("torch", tuning.engine.precision)))


def load_as(files: ModelFiles, settings: WorkerSettings, tuning: Tuning) -> EmotionModel:
    """Load a model into the engine of a tuning. Raises NotRunnableError where that cannot run it, ModelError."""
    if tuning.engine.name == "torch":
        import torch

        from moodmill.worker.inference.torch_model import TorchModel

        torch.set_num_threads(tuning.threads)
        return TorchModel(files, settings.moodmill_device, tuning.engine.precision)
    from moodmill.worker.inference.openvino_model import OpenVinoModel

    return OpenVinoModel(files, tuning.engine.precision, settings.moodmill_cache, tuning.threads, tuning.lanes)


def is_installed(engine: EngineName) -> bool:
    return all(find_spec(package) is not None for package in _PACKAGES[engine])


def _names(settings: WorkerSettings) -> list[EngineName]:
    wanted = settings.moodmill_engine
    if wanted == "auto" and settings.moodmill_precision == "int8":
        wanted = "openvino"
    if wanted != "auto":
        _require(wanted)
        return [wanted]
    names = [name for name in get_args(EngineName) if is_installed(name) and (name != "openvino" or is_x86())]
    if not names:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    return names


def _require(name: EngineName) -> None:
    if name == "openvino" and not is_x86():
        raise SettingError(f"the engine openvino runs on x86 processors, and this is {platform.machine()}: try auto")
    if not is_installed(name):
        raise SettingError(
            f"the engine {name} is not installed: pip install 'moodmill[{_EXTRAS[name]}]' brings it; else try auto"
        )


def _precisions(name: EngineName, files: ModelFiles, settings: WorkerSettings) -> list[ExactPrecision]:
    wanted = settings.moodmill_precision
    if wanted != "auto":
        _check_precision(name, wanted)
        return [wanted]
    native: list[ExactPrecision] = ["bf16", "fp32"] if has_bf16() else ["fp32"]
    form = quantised_form(files, settings.moodmill_cache) if name == "openvino" and has_int8() else None
    return ["int8", *native] if form is not None and form.gate.passed else native


def _check_precision(name: EngineName, precision: Precision) -> None:
    if name == "torch" and precision == "int8":
        raise SettingError("the engine torch computes in fp32 and bf16: int8 takes the engine openvino, on a processor")
