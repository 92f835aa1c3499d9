"""What the host spends beside the model: seconds of processors for 10,000 comments; and which wall comes first."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from moodmill.bench.figures import PER, Figures

#: Comments of which the host's part is measured, at least: fewer take so little that ticks of a hundredth show.
HOST_COMMENTS: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class Host:
    """Seconds of processors for 10,000 comments, apart from the model and from servers' own processes."""

    #: Cutting texts into tokens, language and micro-batches included: what the model needs.
    tokenizer: float
    #: Everything else: of the producer's process and the workers'. Reading, messages and rows are parts of it.
    rest: float
    reading: float
    messages: float
    rows: float
    #: What the broker's own processes spent, which is no part of the others.
    servers: float
    #: Processors that this process may use.
    cores: int

    @property
    def rate(self) -> float:
        """Comments a second that the processors could carry, did nothing else want them."""
        return PER * self.cores / (self.tokenizer + self.rest)


def host_cost(stages: Mapping[str, Figures], without_model: Figures) -> Host:
    """Put together what was measured: `stages` by their names, and the whole way with a null model."""

    def cost(name: str) -> float:
        return stages[name].cpu_cost or 0.0

    return Host(
        tokenizer=cost("tokenize") + cost("language") + cost("batch"),
        rest=without_model.cpu_cost or 0.0,
        reading=cost("read"),
        messages=cost("messages"),
        rows=cost("write"),
        servers=without_model.server_cpu_cost or 0.0,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    )


def describe_host(host: Host) -> str:
    """Say where the host's time goes."""
    between = host.rest - host.reading - host.messages - host.rows
    return (
        f"host CPU for {PER:,} comments, apart from the model: {host.tokenizer + host.rest:.2f} s; of these tokenizer "
        f"{host.tokenizer:.2f}, all else {host.rest:.2f} (reading {host.reading:.2f}, messages {host.messages:.2f}, "
        f"rows {host.rows:.2f}, what is between {between:.2f}); the broker's own processes {host.servers:.2f} besides"
    )


def first_wall(walls: Mapping[str, float]) -> str:
    """Say which of these comes first, each by the comments a second that it lets through alone."""
    known = {name: rate for name, rate in walls.items() if math.isfinite(rate)}
    listed = ", ".join(f"{name} {rate:,.0f}" for name, rate in known.items())
    return f"walls, comments/s each alone: {listed}; {min(known, key=lambda name: known[name])} comes first"
