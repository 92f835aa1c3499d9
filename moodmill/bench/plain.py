"""What a peer is, and a model as transformers has it: what peers start from, and what all ways are compared with."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification

from moodmill.worker.core.labels import label_columns
from moodmill.worker.inference.repository import ModelFiles

#: Classifies texts: [n, 27].
Classify = Callable[[Sequence[str]], NDArray[np.float32]]
#: Makes a model ready, which is not timed.
Prepare = Callable[[ModelFiles, torch.device], Classify]


def emotion_columns(model: Any, files: ModelFiles) -> list[int]:
    """Return where the emotions are among a model's outputs, in the order of EMOTIONS."""
    return label_columns(model.config.id2label, files.labels, files.name)


def plain(files: ModelFiles, device: torch.device) -> Any:
    """Load a model as transformers has it, in fp32."""
    return AutoModelForSequenceClassification.from_pretrained(files.folder, dtype=torch.float32).eval().to(device)
