"""The engine OpenVINO: a classifier on an x86 processor, in fp32, bf16 or static int8."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.engine import Engine, ExactPrecision
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.cpu import has_bf16
from moodmill.worker.core.labels import label_columns
from moodmill.worker.core.openvino import Graph, InferRequest, silent_openvino
from moodmill.worker.inference.compiled import GraphCache
from moodmill.worker.inference.encoder_graph import IDS, LENGTHS, UnknownArchitectureError, encoder_graph
from moodmill.worker.inference.logits import sigmoid
from moodmill.worker.inference.model import NotRunnableError, checked, positions
from moodmill.worker.inference.quantised import QuantisedForm, quantised_form
from moodmill.worker.inference.repository import ModelFiles

ov: Final = silent_openvino()

#: Raised whenever what makes the graphs makes others, so that none of before is taken from the cache.
_GRAPHS: Final = 1


class OpenVinoModel:
    """A sequence classifier on the processor: one sigmoid per emotion, labels mapped by name. See EmotionModel."""

    device: Final = "cpu"
    pads: Final = True

    def __init__(self, files: ModelFiles, precision: ExactPrecision, cache: Path, threads: int, lanes: int) -> None:
        """Load and compile the model; `threads`: of all micro-batches at once together, `lanes`: how many these are;
        `cache`: where compiled graphs are kept.

        Raises NotRunnableError where this engine cannot run it, ModelError where none can.
        """
        self.engine: Final = Engine("openvino", precision)
        self.lanes: Final = lanes
        config = read_config(files)
        self._columns: Final = label_columns(_labels(config), files.labels, files.name)
        self.max_tokens: Final = token_limit(config)
        self.vocabulary: Final = int(config.get("vocab_size") or 2**31)
        form = _form(files, cache) if precision == "int8" else None
        options = {
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" or (form is not None and has_bf16()) else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": lanes,
            "ENABLE_HYPER_THREADING": True,
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled: Final = GraphCache(cache).compiled(
            f"{files.name} {precision} {_GRAPHS} {form.gate.digest if form else ''}",
            lambda: ov.Core().read_model(form.graph) if form else graph_of(files, config),
            options,
        )
        self._requests: Final = threading.local()

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        logits = self._request().infer(padded_inputs(ids, pad_id), share_inputs=True)[0]
        return checked(sigmoid(logits[:, self._columns]), len(ids))

    def _request(self) -> InferRequest:
        """Return this thread's own: one request runs one micro-batch at a time."""
        try:
            request: InferRequest = self._requests.own
        except AttributeError:
            request = self._requests.own = self._compiled.create_infer_request()
        return request


def padded_inputs(ids: Sequence[Sequence[int]], pad_id: int) -> dict[str, NDArray[np.int32]]:
    """Return what a graph takes for the token ids of n texts: IDS, [n, longest], and LENGTHS, [n]."""
    lengths = np.array([len(text) for text in ids], dtype=np.int32)
    padded = np.full((len(ids), int(lengths.max())), pad_id, dtype=np.int32)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = np.concatenate(ids)
    return {IDS: padded, LENGTHS: lengths}


def token_limit(config: Mapping[str, Any]) -> int:
    """Return how many tokens of a text a model takes, by its config.json."""
    most, pad_id = config.get("max_position_embeddings"), config.get("pad_token_id")
    return positions(str(config.get("model_type")), most, pad_id)


def graph_of(files: ModelFiles, config: Mapping[str, Any]) -> Graph:
    """Return a model's graph: of its files alone, or as torch traces it. Raises NotRunnableError, ModelError."""
    try:
        return encoder_graph(files.folder, config)
    except UnknownArchitectureError as error:
        unknown = str(error)
    try:
        from moodmill.worker.inference.conversion import NotConvertibleError, traced_graph
    except ImportError as error:
        raise NotRunnableError(f"{unknown}, and {error.name} is missing, which converts such models") from error
    try:
        return traced_graph(files)
    except NotConvertibleError as error:
        raise NotRunnableError(f"{unknown}, and cannot be converted: {error}") from error


def read_config(files: ModelFiles) -> dict[str, Any]:
    """Return a model's config.json. Raises ModelError where it is none."""
    path = files.folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot load the model {files.folder}: {path.name}: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"cannot load the model {files.folder}: {path.name} is no JSON object")
    return config


def _labels(config: Mapping[str, Any]) -> dict[int, str]:
    """Return the names of the outputs; transformers' own where the config gives only their number, which may be 2."""
    named = config.get("id2label")
    if isinstance(named, dict):
        return {int(number): str(name) for number, name in named.items()}
    return {number: f"LABEL_{number}" for number in range(int(config.get("num_labels") or 2))}


def _form(files: ModelFiles, cache: Path) -> QuantisedForm:
    form = quantised_form(files, cache)
    if form is None:
        raise NotRunnableError(f"the model {files.name} has no int8 form: `moodmill quantize` makes one")
    return form
