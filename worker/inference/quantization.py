"""Makes a model's quantised form: static int8, by NNCF's post-training quantization with SmoothQuant.

Scales of what goes into each product are found once, from calibration texts, and hold for any text from then on: so a
text's probabilities do not depend on its company, as they do where scales are found anew for each micro-batch.
NNCF: https://docs.openvino.ai/2026/openvino-workflow/model-optimization-guide/quantizing-models-post-training.html;
SmoothQuant: Xiao et al., ICML 2023, https://arxiv.org/abs/2211.10438.
"""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np

from moodmill.worker.core.openvino import silent_openvino
from moodmill.worker.inference.encoder_graph import first_token_products
from moodmill.worker.inference.microbatch import cut
from moodmill.worker.inference.openvino_model import graph_of, padded_inputs, read_config, token_limit
from moodmill.worker.inference.quantised import GRAPH
from moodmill.worker.inference.repository import ModelFiles
from moodmill.worker.inference.tokens import TextTokenizer

ov: Final = silent_openvino()

#: Texts that scales are found from.
TEXTS: Final = 500
#: Tokens of the micro-batches that they are found from.
_BATCH_TOKENS: Final = 512
#: How much of the spread of activations SmoothQuant moves into the weights, 0 to 1. Of the bundled model on dev, mean
#: differences are 0.0018 for its authors' 0.5, 0.0009 for 0.7, 0.0008 for 0.8 and 0.9.
_SMOOTHNESS: Final = 0.8


def quantise(files: ModelFiles, texts: Sequence[str], folder: Path) -> str:
    """Write the quantised form of a model into a folder, by calibration texts; return its digest.

    Raises NotRunnableError where there is no graph of the model, ModelError, and ImportError where NNCF is missing.
    """
    with _silent() as nncf:
        config = read_config(files)
        tokenizer = TextTokenizer(files.folder, token_limit(config))
        segments = [segment for text in tokenizer.encode(texts) for segment in text.segments]
        batches = [
            padded_inputs([one.ids for one in batch], tokenizer.pad_id) for batch in cut(segments, _BATCH_TOKENS)
        ]
        graph = graph_of(files, config)
        named = {node.get_friendly_name() for node in graph.get_ops()}
        # Left as they are, as the embeddings are: to look these up costs nothing in any precision.
        exact = [name for name in first_token_products(config) if name in named]
        quantised = nncf.quantize(
            graph,
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(batches),
            ignored_scope=nncf.IgnoredScope(names=exact, types=["Gather"], validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=_SMOOTHNESS)
            ),
        )
    path = folder / GRAPH
    ov.save_model(quantised, path, compress_to_fp16=False)
    digest = hashlib.sha256(path.read_bytes())
    digest.update(path.with_suffix(".bin").read_bytes())
    return digest.hexdigest()[:12]


def spread(texts: Sequence[str], n: int) -> list[str]:
    """Return n of the texts, from beginning to end of them."""
    return [texts[row] for row in np.linspace(0, len(texts) - 1, min(n, len(texts))).astype(int)] if texts else []


@contextmanager
def _silent() -> Iterator[Any]:
    """Yield NNCF, which says nothing but errors meanwhile, and draws no bars."""
    import nncf

    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)  # only here: it sets its own as it is imported
    try:
        with redirect_stdout(io.StringIO()):
            yield nncf
    finally:
        logger.setLevel(level)
