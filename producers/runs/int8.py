"""Makes the int8 form of a model that has none, where a run asks for that precision: by the run's own first texts."""

import logging
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.texts import read_texts
from moodmill.worker.core.settings import WorkerSettings

logger = logging.getLogger(__name__)

#: Texts on which the form is compared with fp32, behind those that its scales are found from.
COMPARED: Final = 200


def make_int8_form(worker: WorkerSettings, options: RunOptions, sources: Iterable[Path]) -> None:
    """Make the form of a run's model, and say how far it is from fp32; nothing happens where the model has one.

    Raises ModelError, SourceError, and ImportError where NNCF is not installed.
    """
    from moodmill.worker.inference.quantised import made_here, quantised_form
    from moodmill.worker.inference.repository import find_model

    named = {"hf_model_repo": options.model_repo, "hf_model_revision": options.model_revision}
    settings = worker.model_copy(update={**named, "moodmill_labels": options.model_labels})
    files = find_model(settings)
    if quantised_form(files, settings.moodmill_cache) is not None:
        return
    from moodmill.db.core.atomicfile import make_folder
    from moodmill.worker.inference.quantization import TEXTS, quantise
    from moodmill.worker.training.gate import Judged, judge_form

    logger.warning("making the int8 form of the model %s, once, by the first %d texts", files.name, TEXTS)
    texts = list(islice(read_texts(sources, options.reading), TEXTS + COMPARED))
    folder = made_here(files, settings.moodmill_cache)
    make_folder(folder)
    digest = quantise(files, texts[:TEXTS], folder)
    compared = texts[TEXTS:] or texts[-COMPARED:]
    gate = judge_form(files, digest, folder, settings, Judged(name="first texts", texts=compared, targets=None))
    logger.warning(
        "int8 beside fp32, on %d texts: %.2f%% of the decisions are others, a probability differs by %.4f on average, "
        "%.3f at most; `moodmill quantize --data` judges it by labels",
        gate.comments,
        100 * gate.decisions_changed,
        gate.mean_difference,
        gate.largest_difference,
    )
