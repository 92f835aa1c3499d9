"""OpenVINO as its own pages have it, on processors: texts sorted by length, several micro-batches at once."""

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from moodmill.bench.machine import instructions
from moodmill.bench.plain import Classify, Prepare, emotion_columns, plain
from moodmill.bench.sample import read_comments
from moodmill.bench.sorting import SORTED_TOKENS, padded_batches
from moodmill.producers.sample import SAMPLE
from moodmill.worker.core.openvino import silent_openvino
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.segments import MAX_SEGMENT
from moodmill.worker.inference.tokens import TextTokenizer

#: Micro-batches at once.
STREAMS: Final = 2
#: Comments of the bundled sample that int8 is calibrated with: all that there are, some 300. None of them is measured,
#: unless the sample itself is.
CALIBRATION_COMMENTS: Final = 500
#: How far SmoothQuant moves what is hard to quantize from activations to weights.
SMOOTH_QUANT_ALPHA: Final = 0.5


def openvino_sorted(*, int8: bool = False) -> Prepare:
    """OpenVINO in bf16, or in int8 that NNCF makes and calibrates, with our sorting and its own queue."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:  # noqa: ARG001 - of one shape with the others
        require_instructions(instructions(), int8=int8)
        ov = silent_openvino()
        tokenizer = TextTokenizer(files.folder, MAX_SEGMENT)
        model = plain(files, torch.device("cpu"))
        graph = _convert(ov, model)
        if int8:
            graph = _quantize(graph, tokenizer)
        compiled = ov.Core().compile_model(
            graph,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16" if "bf16" in instructions() else "f32",
                "INFERENCE_NUM_THREADS": torch.get_num_threads(),
                "NUM_STREAMS": STREAMS,
                "ENABLE_CPU_PINNING": False,  # a stream held to a core waits there for whatever else runs on it
            },
        )
        columns = emotion_columns(model, files)

        def classify(texts: Sequence[str]) -> NDArray[np.float32]:
            found = np.empty((len(texts), len(columns)), dtype=np.float32)

            def keep(request: Any, rows: list[int]) -> None:
                logits = request.get_output_tensor(0).data[:, columns]
                found[rows] = 1 / (1 + np.exp(-logits))

            queue = ov.AsyncInferQueue(compiled, STREAMS)
            queue.set_callback(keep)
            for rows, ids, mask in padded_batches(tokenizer, texts, SORTED_TOKENS):
                queue.start_async({"input_ids": ids, "attention_mask": mask}, rows)
            queue.wait_all()
            return found

        return classify

    return prepare


def require_instructions(here: Sequence[str], *, int8: bool) -> None:
    """Raise RuntimeError where a processor with these would emulate the precision, or not say the same in it."""
    if int8 and not {"VNNI", "AMX"} & {*here}:
        raise RuntimeError("this processor has neither VNNI nor AMX: sums of products of int8 would saturate")
    if not int8 and "bf16" not in here:
        raise RuntimeError("this processor does not multiply in bf16")


def _convert(ov: Any, model: Any) -> Any:
    """Convert a classifier of transformers, with any number and length of texts."""
    model.config.return_dict = False
    one = torch.ones((2, 8), dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of what tracing may get wrong, which is measured, and that it is on its way out
        return ov.convert_model(model, example_input={"input_ids": one, "attention_mask": one})


def _quantize(graph: Any, tokenizer: TextTokenizer) -> Any:
    """Quantize weights and activations to int8, as NNCF's pages have it for a transformer, one text a sample."""
    import nncf

    nncf.set_log_level(logging.ERROR)
    texts = [comment.text for comment in read_comments(SAMPLE, CALIBRATION_COMMENTS)]
    segments = [segment for text in tokenizer.encode(texts) for segment in text.segments]

    def inputs(ids: Sequence[int]) -> dict[str, NDArray[np.int64]]:
        return {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), dtype=np.int64)}

    with redirect_stdout(io.StringIO()):  # its bars would stand among what we print
        return nncf.quantize(
            graph,
            nncf.Dataset([one.ids for one in segments], inputs),
            subset_size=len(segments),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER,
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=SMOOTH_QUANT_ALPHA)
            ),
        )
