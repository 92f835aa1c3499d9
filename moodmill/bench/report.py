"""What a comparison came to: as JSON, and as a picture."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moodmill.bench.comparison import Comparison
from moodmill.bench.figures import Figures
from moodmill.bench.peers import PEERS
from moodmill.bench.whole import WHOLE
from moodmill.db.core.atomicfile import atomic_file


def as_json(found: Comparison, machine: Mapping[str, str]) -> dict[str, Any]:
    """Return everything that was measured, for scripts."""
    return {
        "machine": dict(machine),
        "tuning": found.tuning and asdict(found.tuning),
        "product_flops": found.product_flops,
        "load": found.load,
        "spread": found.spread,
        "host": found.host and asdict(found.host) | {"comments_per_second": found.host.rate},
        "results": [
            asdict(one)
            | ({"comments_per_second": one.rate, "cpu_cost": one.cpu_cost} if isinstance(one, Figures) else {})
            for one in found.results
        ],
    }


def draw(found: Comparison, machine: Mapping[str, str], path: Path) -> None:
    """Draw comments a second of the whole way and of the peers, as PNG or SVG by the path's suffix."""
    from matplotlib.figure import Figure

    ways = [one for one in found.results if isinstance(one, Figures) and (one.name == WHOLE or one.name in PEERS)]
    ways.sort(key=lambda one: one.rate)
    figure = Figure(figsize=(9, 0.45 * len(ways) + 1.2), layout="constrained")
    axes = figure.subplots()
    colours = ["#2a6fbb" if one.name == WHOLE else "#9a9a9a" for one in ways]
    bars = axes.barh(
        ["moodmill, the whole way" if one.name == WHOLE else one.name for one in ways],
        [one.rate for one in ways],
        color=colours,
    )
    axes.bar_label(bars, labels=[f"{one.rate:,.0f}" for one in ways], padding=4)
    axes.set_xlabel(f"comments a second, the same weights and texts; {machine['processor']}, {machine['cores']}")
    axes.margins(x=0.1)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_file(path) as file:
        figure.savefig(file, format=path.suffix.removeprefix("."))
