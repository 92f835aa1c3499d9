"""A model's quantised form: static int8, made once by `moodmill quantize` and kept beside the weights.

Its gate says how far it is from fp32 on labelled comments. Only a form that passed is taken without being asked for.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from moodmill.db.core.errors import ModelError
from moodmill.worker.inference.repository import INT8_FILES, ModelFiles

#: Beside a model's weights: the graph, its weights, and its gate.
GRAPH, WEIGHTS = INT8_FILES
GATE: Final = "int8.json"
#: What the gate allows, at most: how far macro-F1 and the expected calibration error may be from fp32's, the share of
#: decisions that are others, and the mean difference of a probability.
MAX_F1_LOSS: Final = 0.002
MAX_ECE_RISE: Final = 0.001
MAX_CHANGED: Final = 0.005
MAX_MEAN_DIFFERENCE: Final = 0.004


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A quantised form beside fp32, on the same comments."""

    #: What it was made of: the part of the model's name behind the @.
    revision: str
    #: What tells the form from another of the same weights.
    digest: str
    #: What it was judged on, and how many comments that are.
    data: str
    comments: int = 0
    #: None where the comments have no labels.
    macro_f1: float | None = None
    macro_f1_fp32: float | None = None
    expected_calibration_error: float | None = None
    expected_calibration_error_fp32: float | None = None
    #: The share of all decisions, of each comment and emotion, that are others than fp32's.
    decisions_changed: float = 1.0
    mean_difference: float = 1.0
    largest_difference: float = 1.0

    @property
    def passed(self) -> bool:
        """Whether the form may stand for the model without being asked for. Without labels nobody knows."""
        if self.macro_f1 is None or self.macro_f1_fp32 is None:
            return False
        if self.expected_calibration_error is None or self.expected_calibration_error_fp32 is None:
            return False
        return (
            self.macro_f1 >= self.macro_f1_fp32 - MAX_F1_LOSS
            and self.expected_calibration_error <= self.expected_calibration_error_fp32 + MAX_ECE_RISE
            and self.decisions_changed < MAX_CHANGED
            and self.mean_difference < MAX_MEAN_DIFFERENCE
        )


@dataclass(frozen=True, kw_only=True)
class QuantisedForm:
    """The files of a quantised form, and its gate."""

    graph: Path
    gate: Gate


def quantised_form(files: ModelFiles, cache: Path) -> QuantisedForm | None:
    """Return a model's quantised form, of its own folder or of what was made on this machine; None where it has none.

    One that was made of other weights is none. Raises ModelError where its gate cannot be read, or a file is missing.
    """
    for folder in (files.folder, made_here(files, cache)):
        gate = _read_gate(folder / GATE)
        of_one_commit = files.pinned and folder == files.folder
        if gate is not None and (of_one_commit or gate.revision == revision_of(files)):
            missing = [name for name in (GRAPH, WEIGHTS) if not (folder / name).exists()]
            if missing:
                raise ModelError(f"the int8 form in {folder} lacks {missing[0]}: `moodmill quantize` makes it anew")
            return QuantisedForm(graph=folder / GRAPH, gate=gate)
    return None


def made_here(files: ModelFiles, cache: Path) -> Path:
    """Return the folder for a form of a model whose own folder is not to be written into."""
    return cache / f"{revision_of(files)}-int8"


def write_gate(gate: Gate, folder: Path) -> None:
    (folder / GATE).write_bytes(msgspec.json.format(msgspec.json.encode(gate)) + b"\n")


def _read_gate(path: Path) -> Gate | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Gate)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"{path}: expected what `moodmill quantize` writes: {error}") from error


def revision_of(files: ModelFiles) -> str:
    """Return what tells a model's weights from others', whatever its folder is called."""
    return files.name.partition("@")[2].partition("+")[0]
