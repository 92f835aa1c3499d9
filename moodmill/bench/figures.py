"""What a measurement comes to."""

from dataclasses import dataclass
from typing import Final

#: Comments that costs are told for.
PER: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one way, or one stage of ours, did with the texts."""

    name: str
    comments: int
    seconds: float
    #: What ran the model, where it is ours: library, device and precision.
    engine: str | None = None
    #: Tokens of the texts, without padding; None where texts are not cut into tokens.
    tokens: int | None = None
    #: Tokens that only pad, as a share of all that the model saw.
    padding: float | None = None
    #: Tokens of a micro-batch, as a share of its budget.
    fill: float | None = None
    #: Floating-point operations a second of the model alone.
    flops: float | None = None
    #: The largest and the mean difference of a probability from fp32's.
    difference: float | None = None
    mean_difference: float | None = None
    #: Seconds of processors that our own processes had; and servers that they started, which are no part of it.
    cpu_seconds: float | None = None
    server_cpu_seconds: float | None = None
    #: MiB of memory at its peak, of the process that did it.
    memory_mib: float | None = None

    @property
    def rate(self) -> float:
        """Comments a second."""
        return self.comments / self.seconds

    @property
    def cpu_cost(self) -> float | None:
        """Seconds of processors for PER comments, of our own processes."""
        return None if self.cpu_seconds is None else PER * self.cpu_seconds / self.comments

    @property
    def server_cpu_cost(self) -> float | None:
        """Seconds of processors for PER comments, of servers."""
        return None if self.server_cpu_seconds is None else PER * self.server_cpu_seconds / self.comments


@dataclass(frozen=True, kw_only=True)
class Unmeasured:
    """A way that could not be measured here, and why."""

    name: str
    why: str
