"""Engines: what computes a model's probabilities, and at which precision. Imports nothing of ours but errors."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from moodmill.db.core.errors import MoodmillError

#: "torch" runs any model on any device, "openvino" on x86 processors.
EngineName = Literal["openvino", "torch"]
ExactPrecision = Literal["fp32", "bf16", "int8"]
#: What somebody may ask for; "auto" leaves it to whoever runs the model.
Precision = Literal["auto", ExactPrecision]
PRECISIONS: Final[tuple[Precision, ...]] = ("auto", *get_args(ExactPrecision))
EngineChoice = Literal["auto", EngineName]
ENGINES: Final[tuple[EngineChoice, ...]] = ("auto", *get_args(EngineName))

_NAMES: Final = get_args(EngineName)
_PRECISIONS: Final = get_args(ExactPrecision)


@dataclass(frozen=True)
class Engine:
    """An engine at a precision. As text, which ledger and rows hold: "openvino int8"."""

    name: EngineName
    precision: ExactPrecision

    def __post_init__(self) -> None:
        """Raise MoodmillError for what is none."""
        if self.name not in _NAMES or self.precision not in _PRECISIONS:
            names, precisions = " or ".join(_NAMES), ", ".join(_PRECISIONS)
            raise MoodmillError(f"{str(self)!r} is no engine: expected {names} and a precision, {precisions}")

    def __str__(self) -> str:
        return f"{self.name} {self.precision}"

    @classmethod
    def parse(cls, written: str) -> "Engine":
        """Read an engine as text. Raises MoodmillError for what is none."""
        name, _, precision = written.partition(" ")
        return cls(name, precision)  # type: ignore[arg-type] # which it checks
