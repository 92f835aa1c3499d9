"""The engine torch: a classifier as transformers has it, on any device."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from moodmill.db.core.engine import Engine, ExactPrecision, Precision
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.db.core.text import shortened
from moodmill.worker.core.device import check_device
from moodmill.worker.core.labels import label_columns
from moodmill.worker.inference.linear import prepack
from moodmill.worker.inference.memory import keep_memory, report_memory
from moodmill.worker.inference.model import DeviceError, OutOfMemoryError, checked, first_position, positions
from moodmill.worker.inference.packing import FAMILIES, PackedClassifier
from moodmill.worker.inference.repository import ModelFiles

logger = logging.getLogger(__name__)

# Weights load in a second: the bar would only stand in the output of every command.
disable_progress_bar()  # type: ignore[no-untyped-call]

#: Micro-batches at once by type of device: on a GPU one is laid out while the device works on the one before.
_LANES: Final = {"cuda": 2}
#: Lengths of the texts by which it is proved that a model says the same with and without padding, and how far apart two
#: probabilities may be then.
_PROOF_LENGTHS: Final = (40, 7, 7, 2)
_PROOF_TOLERANCE: Final[dict[ExactPrecision, float]] = {"fp32": 1e-4, "bf16": 0.05}


class TorchModel:
    """A sequence classifier on its device: one sigmoid per emotion, labels mapped by name. See EmotionModel."""

    def __init__(self, files: ModelFiles, device: str, precision: ExactPrecision) -> None:
        """Load the weights. Raises ModelError when transformers cannot, or when emotions are missing."""
        self._device: Final = choose_device(device)
        if self._device.type == "cpu":
            keep_memory()
        self.device: Final = str(self._device)
        self.engine: Final = Engine("torch", precision)
        self.lanes: Final = _LANES.get(self._device.type, 1)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._model, self._columns = load_weights(files, self._device, dtype)
        self.max_tokens: Final = positions_of(self._model.config)
        self.vocabulary: Final = int(self._model.get_input_embeddings().num_embeddings)  # type: ignore[arg-type]
        self._packed: Final = self._pack()
        report_memory(self._device)

    @property
    def pads(self) -> bool:
        return self._packed is None

    @torch.inference_mode()
    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        try:
            logits = self._packed.logits(ids) if self._packed else padded_logits(self._model, ids, pad_id)
            return checked(torch.sigmoid(logits.float()[:, self._columns]).cpu().numpy(), len(ids))
        except torch.OutOfMemoryError as error:
            reason = str(error)
        except torch.AcceleratorError as error:
            raise DeviceError(str(error)) from error
        raise OutOfMemoryError(reason)  # only here: the error itself holds the tensors of the micro-batch

    @torch.inference_mode()
    def _pack(self) -> PackedClassifier | None:
        """Return the model as one that needs no padding, where it proves to say the same then."""
        config = self._model.config
        if config.model_type not in FAMILIES:
            return None
        pad_id, dice = int(config.pad_token_id or 0), np.random.default_rng(0)
        words = np.delete(np.arange(self.vocabulary), pad_id)
        texts = [dice.choice(words, min(length, self.max_tokens)).tolist() for length in _PROOF_LENGTHS]
        expected = torch.sigmoid(padded_logits(self._model, texts, pad_id).float())
        packed = PackedClassifier(self._model, first_position(config.model_type, config.pad_token_id))
        restore = prepack(packed.encoder, self._model.dtype) if self._device.type == "cpu" else lambda: None
        try:
            apart = (torch.sigmoid(packed.logits(texts).float()) - expected).abs().max().item()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other way works
            why = f"{type(error).__name__}: {error}"
        else:
            if apart <= _PROOF_TOLERANCE[self.engine.precision]:
                return packed
            why = f"probabilities differ by {apart:.4f}"
        packed.undo()
        restore()
        logger.warning("micro-batches are padded: this %s cannot go without (%s)", config.model_type, why)
        return None


def load_weights(
    files: ModelFiles, device: torch.device, dtype: torch.dtype, attention: str | None = None
) -> tuple[PreTrainedModel, Tensor]:
    """Return a classifier as transformers has it, for inference, and which of its outputs each emotion is, [27].

    `attention` is an implementation of transformers, as "eager"; None leaves the choice to it. Raises ModelError when
    transformers cannot load the model, or when emotions or weights are missing.
    """
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(files.folder, **local)
        columns = label_columns(config.id2label, files.labels, files.name)
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            files.folder,
            **local,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
            **({} if attention is None else {"attn_implementation": attention}),
        )
        model = model.to(device).eval()
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"cannot load the model {files.folder}: {str(error).strip().splitlines()[0]}") from error
    if loaded["missing_keys"]:
        # transformers fills them with random numbers, and only warns.
        missing = ", ".join(sorted(loaded["missing_keys"])[:5])
        raise ModelError(f"the model {files.folder} lacks weights, as an encoder that was never tuned: {missing}")
    return model, torch.tensor(columns, device=device)


def padded_logits(model: PreTrainedModel, ids: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Return [n, labels] of a classifier as transformers has it, for the token ids of n texts."""
    longest = max(len(one) for one in ids)
    padded = np.full((len(ids), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(ids), longest), dtype=np.int64)
    for row, one in enumerate(ids):
        padded[row, : len(one)] = one
        mask[row, : len(one)] = 1
    logits: Tensor = model(
        input_ids=torch.from_numpy(padded).to(model.device), attention_mask=torch.from_numpy(mask).to(model.device)
    ).logits
    return logits


def choose_device(wanted: str) -> torch.device:
    """Return the device of that name; for "auto" a GPU when there is one. Raises SettingError when it is not there."""
    check_device(wanted)
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = shortened(str(error), 200)
        raise SettingError(f"device {wanted!r} (MOODMILL_DEVICE) cannot be used here: {reason}; try auto") from error
    return device


def choose_precision(wanted: Precision, device: torch.device) -> ExactPrecision:
    """Return the precision of that name; for "auto", bf16 where a GPU computes in it."""
    if wanted != "auto":
        return wanted
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def positions_of(config: Any) -> int:
    """Return how many tokens a model of this config of transformers takes."""
    return positions(config.model_type, getattr(config, "max_position_embeddings", None), config.pad_token_id)
