"""What the figures of a comparison say beside each other, and how far they are to be trusted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from moodmill.bench.comparison import Comparison
from moodmill.bench.figures import Figures
from moodmill.bench.host import describe_host, first_wall
from moodmill.bench.whole import WHOLE
from moodmill.db.core.errors import MoodmillError

#: A machine is quiet below this load, and where two measurements of one thing are no further apart than this share.
QUIET_LOAD: Final = 0.3
QUIET_SPREAD: Final = 0.05


def verdict(found: Comparison, before: float | None = None) -> Iterator[str]:
    """Yield a line for each ratio that was measured; `before`: comments a second of an earlier whole way."""
    whole, best = found.whole, found.best_peer
    forward, write = (
        next((one for one in found.results if isinstance(one, Figures) and one.name == name), None)
        for name in ("forward", "write")
    )
    if whole and forward:
        yield f"the whole way runs at {whole.rate / forward.rate:.2f} of the forward pass alone"
    if whole and best:
        yield f"the whole way runs at {whole.rate / best.rate:.2f} of the best peer's forward pass ({best.name})"
    if whole and before:
        yield f"the whole way runs at {whole.rate / before:.2f} of the whole way before ({before:,.0f} comments/s)"
    if found.host and forward and write:
        yield describe_host(found.host)
        yield first_wall({"the device": forward.rate, "the host's CPU": found.host.rate, "the store": write.rate})
    if found.load > QUIET_LOAD or (found.spread or 0) > QUIET_SPREAD:
        apart = "" if found.spread is None else f", and two forward passes were {found.spread:.1%} apart"
        yield (
            f"the machine was not quiet: load {found.load:.2f} before anything was measured{apart}; "
            "compare ratios, and measure again"
        )


def rate_before(path: Path, comments: int) -> float:
    """Return comments a second of the whole way in what `moodmill bench --json` printed earlier, of as many comments.

    Raises MoodmillError where the file is no such thing.
    """
    try:
        results: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())["results"]
        [whole] = [one for one in results if one["name"] == WHOLE]
        rate, measured = float(whole["comments_per_second"]), int(whole["comments"])
    except (OSError, msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise MoodmillError(f"expected what `moodmill bench --json` prints in {path}: {error}") from error
    if measured != comments:
        raise MoodmillError(f"{path} has the whole way of {measured:,} comments: give --comments {measured}")
    return rate
