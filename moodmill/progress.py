"""The progress bar of a run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar

from moodmill.db.core.pace import SpeedMeter, clock, seconds_left

if TYPE_CHECKING:
    from moodmill.producers.runs.waiter import Progress

logger = logging.getLogger(__name__)

#: Seconds without a finished chunk after which we ask for workers.
IDLE_S: Final = 60


@contextmanager
def shown_progress(console: Console, *, own_worker: bool) -> Iterator[Callable[["Progress"], None]]:
    """Show a bar with comments/s, the share done and an ETA; yield what takes the progress.

    Without a worker of our own, say so when none seems to be there.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[comments]:,} comments"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
        TextColumn("ETA {task.fields[eta]}", style="progress.remaining"),
    )
    bar = Bar(*columns, console=console)
    task = bar.add_task("reading", start=False, total=1.0, comments=0, speed="-/s", eta="-")
    meter = SpeedMeter()
    is_reported = False

    def show(progress: "Progress") -> None:
        nonlocal is_reported
        if not bar.live.is_started:  # only now: what fails before the first record should not leave a bar behind
            bar.start()
            bar.start_task(task)
        speed = meter.measure(bar.get_time(), progress.classified)
        left = seconds_left(progress.share, progress.classified, speed)
        bar.update(
            task,
            completed=progress.share,
            comments=progress.classified,
            speed=f"{speed:,.0f}/s" if speed else "-/s",
            eta="-" if left is None else clock(left),
            description="labelling" if progress.classified else "reading",
        )
        if progress.idle_s > IDLE_S and not is_reported and not own_worker:
            logger.warning(
                "no chunk was finished for %s s; %s wait. Does a worker run for this broker and store? "
                "`moodmill worker` starts one.",
                IDLE_S,
                progress.pending_chunks,
            )
        is_reported = progress.idle_s > IDLE_S

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
