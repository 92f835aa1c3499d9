"""What goes on, as `moodmill run watch` shows it."""

import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from select import select
from typing import TYPE_CHECKING, Any, Final

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from moodmill.cli.printing import MINUTE, OUTPUT
from moodmill.cli.signals import stoppable
from moodmill.db.core.errors import MoodmillError
from moodmill.db.core.pace import clock

if TYPE_CHECKING:
    from moodmill.db.analytics.backlog import RunPace
    from moodmill.producers.schedule.status import JobStanding, Overview
    from moodmill.worker.queue.broker import QueueStatistics

#: Seconds between two looks.
REFRESH_S: Final = 2.0
#: Seconds that store and broker get to answer: the client of Redis tries for two before it says what is wrong.
TIMEOUT_S: Final = 3.0
#: Columns of a run's bar.
BAR: Final = 16
#: Columns of a terminal that has room for it.
WIDE: Final = 100


def watch(view: Callable[[], RenderableType]) -> None:
    """Show a view again and again until somebody presses q or Ctrl-C."""
    screen = Live(console=OUTPUT, screen=True, auto_refresh=False)
    with suppress(KeyboardInterrupt), stoppable(), _keys() as pressed, screen:
        screen.update(view(), refresh=True)
        while "q" not in pressed(REFRESH_S):
            screen.update(view(), refresh=True)


@contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """Yield what waits so many seconds for a key, and returns what was pressed; without a keyboard it only waits."""
    keyboard = sys.stdin.fileno()
    there = os.isatty(keyboard)

    def pressed(seconds: float) -> str:
        ready = select([keyboard] if there else [], [], [], seconds)[0]
        return os.read(keyboard, 64).decode(errors="replace") if ready else ""

    if not there:
        yield pressed
        return
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield pressed
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def view(store: str, seen: "Overview") -> RenderableType:
    head = Table.grid(Column(style="bold", min_width=len("moodmill")), Column(overflow="fold"), padding=(0, 2))
    head.add_row("moodmill", f"{seen.at:%Y-%m-%d %H:%M:%S} UTC")
    head.add_row("store", _trouble(seen.store) if isinstance(seen.store, MoodmillError) else Text(store))
    head.add_row(
        "broker", _trouble(seen.broker) if isinstance(seen.broker, MoodmillError) else _queue_statistics(seen.broker)
    )
    if seen.broker is not None and not isinstance(seen.broker, MoodmillError) and (work := _work(seen.broker)):
        head.add_row("models", work)
    if isinstance(seen.store, MoodmillError):
        return head
    left = seen.store.backlog
    oldest = f", the oldest for {clock(_age(seen, left.oldest_pending_at))}" if left.oldest_pending_at else ""
    head.add_row("chunks", f"{left.pending_chunks:,} pending{oldest}; {left.failed_chunks:,} failed")
    behind = f"{left.stale_periods:,} days and months of the roll-ups are behind" if left.stale_periods else ""
    noise = sum(one.unsupported for one in seen.store.runs)
    unsupported = f"{noise:,} texts of runs under way are unsupported" if noise else ""
    head.add_row("rows", "; ".join(filter(None, (f"{left.dead_letters:,} dead letters", behind, unsupported))))
    tables = [_runs(seen.store.runs), *_unserved(seen)] + ([_jobs(seen.store.jobs)] if seen.store.jobs else [])
    return Group(head, *(part for table in tables for part in ("", table)))


def _trouble(error: MoodmillError) -> Text:
    return Text(" ".join(str(error).split()), style="red")


def _queue_statistics(found: "QueueStatistics | None") -> str:
    if found is None:
        return "none named (REDIS_URL): each `moodmill label` brings its own"
    strange = f", {found.quarantined:,} messages in quarantine (see `moodmill doctor`)" if found.quarantined else ""
    return f"{found.queued:,} chunks queued, {found.taken:,} taken, {found.workers:,} workers alive{strange}"


def _work(found: "QueueStatistics") -> str:
    """Return what the workers do; nothing where none says so."""
    measuring = f"{found.measuring:,} measuring their processor, once" if found.measuring else ""
    speed = f"{found.tokens_per_s:,.0f} tokens/s, {found.model_share:.0%} of the limit" if found.tokens_per_s else ""
    return "; ".join(filter(None, (speed, measuring)))


def _runs(runs: "Sequence[RunPace]") -> RenderableType:
    if not runs:
        return "no run is under way"
    # Where it is narrow, the names of the sources give way, and then the bar.
    table = Table(Column("run", no_wrap=True), "sources", box=None)
    if OUTPUT.width >= WIDE:
        table.add_column("done", min_width=BAR)
    for title in ("", "comments", "speed", "ETA", "pending", "failed"):
        table.add_column(title, justify="right", no_wrap=True)
    for one in runs:
        sources = Text(", ".join(one.sources), no_wrap=True, overflow="ellipsis")
        bar = [ProgressBar(total=1.0, completed=one.share, width=BAR)] if OUTPUT.width >= WIDE else []
        figures = (
            f"{one.share:.0%}",
            f"{one.classified:,}",
            f"{one.speed:,.0f}/s" if one.speed else "-/s",
            "-" if one.seconds_left is None else clock(one.seconds_left),
            f"{one.pending_chunks:,}",
            f"{one.failed_chunks:,}",
        )
        table.add_row(one.id, sources, *bar, *figures)
    return table


def _unserved(seen: "Overview") -> list[RenderableType]:
    """Return a line for each run that no worker takes chunks of."""
    from moodmill.db.core.engine import Engine
    from moodmill.producers.runs.serving import why_unserved

    if isinstance(seen.store, MoodmillError) or isinstance(seen.broker, MoodmillError) or seen.broker is None:
        return []
    engines = seen.broker.engines
    found = {
        one.id: why_unserved(Engine.parse(one.engine), "auto", engines)
        for one in seen.store.runs
        if one.engine and one.pending_chunks
    }
    return [Text(f"{run} waits: {reason}", style="red") for run, reason in found.items() if reason]


def _jobs(jobs: "Mapping[str, JobStanding]") -> RenderableType:
    table = Table("job", *(Column(title, no_wrap=True) for title in ("state", "last", "next")), "outcome", box=None)
    for name, job in jobs.items():
        last = job.begun
        came = (last.state, f"{last.started_at:{MINUTE}}", last.outcome or "") if last else ("", "never", "")
        table.add_row(*(Text(one) for one in (name, came[0], came[1], f"{job.due:{MINUTE}}", came[2])))
    return table


def to_json(seen: "Overview") -> dict[str, Any]:
    parts = {"store": seen.store, "broker": seen.broker}
    errors = {name: str(part) for name, part in parts.items() if isinstance(part, MoodmillError)}
    shown: dict[str, Any] = {"at": seen.at.isoformat(), "errors": errors, "broker": None, "chunks": None}
    if seen.broker is not None and not isinstance(seen.broker, MoodmillError):
        shown["broker"] = seen.broker._asdict()
    if isinstance(seen.store, MoodmillError):
        return shown
    left = seen.store.backlog
    oldest = _age(seen, left.oldest_pending_at) if left.oldest_pending_at else None
    return shown | {
        "chunks": {"pending": left.pending_chunks, "failed": left.failed_chunks, "oldest_pending_seconds": oldest},
        "dead_letters": left.dead_letters,
        "stale_periods": left.stale_periods,
        "runs": [{**vars(one), "seconds_left": one.seconds_left} for one in seen.store.runs],
        "jobs": [
            {"job": name, "next": job.due.isoformat(), "last": job.begun and vars(job.begun)}
            for name, job in seen.store.jobs.items()
        ],
    }


def _age(seen: "Overview", moment: datetime) -> float:
    return (seen.at - moment).total_seconds()
