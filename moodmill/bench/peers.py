"""What people use otherwise, on the same weights and texts: each gives [n, 27] probabilities in the order of the texts.

Where a peer answers by a softmax by default, it is configured to answer by a sigmoid for each label.
"""

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer, pipeline

from moodmill.bench.openvino import openvino_sorted
from moodmill.bench.plain import Classify, Prepare, emotion_columns, plain
from moodmill.bench.sorting import SORTED_TOKENS, padded_batches
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.segments import MAX_SEGMENT
from moodmill.worker.inference.tokens import TextTokenizer


def transformers_pipeline(batch: int) -> Prepare:
    """transformers' `pipeline`, as its documentation has it."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:
        model = plain(files, device)
        names = [model.config.id2label[column] for column in emotion_columns(model, files)]
        tokenizer = AutoTokenizer.from_pretrained(files.folder)
        run: Any = pipeline("text-classification", model=model, tokenizer=tokenizer, device=model.device)

        def classify(texts: Sequence[str]) -> NDArray[np.float32]:
            wanted = {"top_k": None, "function_to_apply": "sigmoid", "truncation": True, "max_length": MAX_SEGMENT}
            rows = []
            for answer in run(list(texts), batch_size=batch, **wanted):
                scores = {one["label"]: one["score"] for one in answer}
                rows.append([scores[name] for name in names])
            return np.array(rows, dtype=np.float32)

        return classify

    return prepare


def _in_order(texts: Sequence[str], batch: int, run: Callable[[Sequence[str]], NDArray[np.float32]]) -> Any:
    return np.concatenate([run(texts[start : start + batch]) for start in range(0, len(texts), batch)])


def torch_loop(batch: int) -> Prepare:
    """The loop of the public benchmark (github.com/joaopn/gpu_benchmark_goemotions): batches as the texts come."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:
        model = plain(files, device)
        columns = emotion_columns(model, files)
        tokenizer = AutoTokenizer.from_pretrained(files.folder)

        @torch.inference_mode()
        def run(texts: Sequence[str]) -> NDArray[np.float32]:
            inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_SEGMENT, return_tensors="pt")
            found: NDArray[np.float32] = torch.sigmoid(model(**inputs.to(model.device)).logits).cpu().numpy()
            return found[:, columns]

        return lambda texts: _in_order(texts, batch, run)

    return prepare


def _onnx_session(files: ModelFiles, *, int8: bool) -> tuple[Callable[[dict[str, NDArray[Any]]], Any], list[int]]:
    """Export a model and open it with ONNX Runtime on the CPU; return what runs it, and its columns."""
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = plain(files, torch.device("cpu"))
    model.config.return_dict = False
    model.set_attn_implementation("eager")  # the exporter cannot follow the other's choice of kernels
    names = ["input_ids", "attention_mask"]
    names += ["token_type_ids"] if model.config.model_type in ("bert", "electra") else []
    one = torch.ones((2, 8), dtype=torch.int64)
    with tempfile.TemporaryDirectory(prefix="moodmill-bench-") as folder:
        path = Path(folder) / "model.onnx"
        axes = {name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}}
        with warnings.catch_warnings():
            # It warns of what tracing may get wrong, which is measured, and that it is on its way out; but ONNX Runtime
            # runs what the newer exporter makes a seventh slower.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                model,
                tuple(one for _ in names),
                str(path),
                input_names=names,
                output_names=["logits"],
                dynamic_axes=axes,
                opset_version=17,
                dynamo=False,
            )
        if int8:
            quantize_dynamic(path, path.with_name("int8.onnx"), weight_type=QuantType.QInt8)
            path = path.with_name("int8.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])

    def run(inputs: dict[str, NDArray[Any]]) -> Any:
        given = {**inputs, "token_type_ids": np.zeros_like(inputs["input_ids"])}
        [logits] = session.run(["logits"], {name: given[name] for name in names})
        return 1 / (1 + np.exp(-logits))

    return run, emotion_columns(model, files)


def onnx_loop(batch: int, *, int8: bool = False) -> Prepare:
    """ONNX Runtime in the public benchmark's loop."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:  # noqa: ARG001 - of one shape with the others
        session, columns = _onnx_session(files, int8=int8)
        tokenizer = AutoTokenizer.from_pretrained(files.folder)

        def run(texts: Sequence[str]) -> NDArray[np.float32]:
            inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_SEGMENT, return_tensors="np")
            found: NDArray[np.float32] = session(dict(inputs))[:, columns]
            return found

        return lambda texts: _in_order(texts, batch, run)

    return prepare


def onnx_sorted(*, int8: bool = False) -> Prepare:
    """ONNX Runtime with our sorting: what is left is the way the model itself is run."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:  # noqa: ARG001 - of one shape with the others
        session, columns = _onnx_session(files, int8=int8)
        tokenizer = TextTokenizer(files.folder, MAX_SEGMENT)

        def classify(texts: Sequence[str]) -> NDArray[np.float32]:
            found = np.empty((len(texts), len(columns)), dtype=np.float32)
            for rows, ids, mask in padded_batches(tokenizer, texts, SORTED_TOKENS):
                found[rows] = session({"input_ids": ids, "attention_mask": mask})[:, columns]
            return found

        return classify

    return prepare


def ray_data(batch: int) -> Prepare:
    """Ray Data's `map_batches` with an actor that holds the model, as its documentation has it."""

    def prepare(files: ModelFiles, device: torch.device) -> Classify:
        import ray

        ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)

        class Actor:
            def __init__(self) -> None:
                torch.set_num_threads(threads)
                self._run = torch_loop(batch)(files, device)

            def __call__(self, rows: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
                return {"number": rows["number"], "found": self._run(list(rows["text"]))}

        threads = torch.get_num_threads()

        def classify(texts: Sequence[str]) -> NDArray[np.float32]:
            rows = [{"number": number, "text": text} for number, text in enumerate(texts)]
            data = ray.data.from_items(rows).map_batches(Actor, batch_size=batch, concurrency=1)
            found = {row["number"]: row["found"] for row in data.iter_rows()}
            return np.array([found[number] for number in range(len(texts))], dtype=np.float32)

        return classify

    return prepare


PEERS: Final[dict[str, Prepare]] = {
    "pipeline, batch 32": transformers_pipeline(32),
    "pipeline, batch 1": transformers_pipeline(1),
    "loop, batch 8": torch_loop(8),
    "loop, batch 32": torch_loop(32),
    "ONNX Runtime fp32, loop, batch 8": onnx_loop(8),
    "ONNX Runtime int8, loop, batch 8": onnx_loop(8, int8=True),
    "ONNX Runtime fp32, sorted": onnx_sorted(),
    "ONNX Runtime int8, sorted": onnx_sorted(int8=True),
    "OpenVINO bf16, sorted": openvino_sorted(),
    "OpenVINO int8, sorted": openvino_sorted(int8=True),
    "Ray Data, batch 32": ray_data(32),
}
