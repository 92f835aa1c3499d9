"""The graph of any other classifier, as torch traces it: once, for what is compiled is kept."""

import warnings
from importlib import import_module
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from moodmill.db.core.errors import ModelError
from moodmill.worker.core.openvino import Graph, silent_openvino
from moodmill.worker.inference.encoder_graph import IDS, LENGTHS, LOGITS
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.torch_model import load_weights, padded_logits

ov: Final = silent_openvino()

#: Lengths of the texts that are traced, and of those by which it is proved that the graph says what the model does.
_TRACED: Final = (24, 9, 2)
_PROOF: Final = (40, 7, 7, 2, 1)
#: How far apart two logits may be in fp32.
_TOLERANCE: Final = 1e-3


class NotConvertibleError(Exception):
    """A model cannot be traced, or what was traced says something else; says why."""


class _Masking(nn.Module):
    """A classifier that takes what our graphs take: token ids, [n, longest], and lengths, [n], both int32."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._model = model

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        exists = torch.arange(ids.shape[1], dtype=torch.int32)[None] < lengths[:, None]
        logits: Tensor = self._model(input_ids=ids.long(), attention_mask=exists.long()).logits
        return logits


def traced_graph(files: ModelFiles) -> Graph:
    """Return the graph of a classifier: IDS and LENGTHS in, LOGITS out.

    Raises NotConvertibleError, and ModelError where transformers cannot load it.
    """
    model, _ = load_weights(files, torch.device("cpu"), torch.float32, attention="eager")
    pad_id = int(model.config.pad_token_id or 0)
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch on tracing, of each condition in the code of transformers
            traced = torch.jit.trace(_Masking(model), _inputs(_TRACED, pad_id), check_trace=False)  # type: ignore[no-untyped-call]
        frontend = import_module("openvino.frontend").FrontEndManager().load_by_framework("pytorch")
        decoding = import_module("openvino.frontend.pytorch.ts_decoder")
        decoder = decoding.TorchScriptPythonDecoder(traced, example_input=_inputs(_TRACED, pad_id))
        graph = frontend.convert(frontend.load(decoder))
        for given, name, shape in zip(graph.inputs, (IDS, LENGTHS), ([-1, -1], [-1]), strict=True):
            given.set_names({name})
            given.get_node().set_element_type(ov.Type.i32)
            given.get_node().set_partial_shape(ov.PartialShape(shape))
        graph.outputs[0].set_names({LOGITS})
        graph.validate_nodes_and_infer_types()
        _prove(graph, model, pad_id)
    except (NotConvertibleError, ModelError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[-1]
        raise NotConvertibleError(f"{type(error).__name__}: {reason}") from error
    return graph


def _inputs(lengths: tuple[int, ...], pad_id: int) -> tuple[Tensor, Tensor]:
    """Return token ids and lengths of texts, padded behind."""
    ids = torch.full((len(lengths), max(lengths)), pad_id, dtype=torch.int32)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.arange(length, dtype=torch.int32) + pad_id + 1
    return ids, torch.tensor(lengths, dtype=torch.int32)


def _prove(graph: Graph, model: Any, pad_id: int) -> None:
    """Raise NotConvertibleError where the graph says something else than the model, of texts of other lengths."""
    ids, lengths = _inputs(_PROOF, pad_id)
    with torch.inference_mode():
        rows = [row[:length].tolist() for row, length in zip(ids, lengths.tolist(), strict=True)]
        expected = padded_logits(model, rows, pad_id).numpy()
    compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    apart = float(np.abs(compiled({IDS: ids.numpy(), LENGTHS: lengths.numpy()})[LOGITS] - expected).max())
    if not apart <= _TOLERANCE:
        raise NotConvertibleError(f"the graph's logits differ by {apart:.4f}")
