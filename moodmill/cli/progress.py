"""The progress bar of a run."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from moodmill.cli.printing import clock

if TYPE_CHECKING:
    from moodmill.producers.runs.waiter import Progress

logger = logging.getLogger(__name__)

#: Seconds without a finished chunk after which we ask for workers.
IDLE_S: Final = 60
#: Seconds over which comments/s and the ETA are estimated, so that they follow the present speed.
SPEED_WINDOW_S: Final = 120


class Eta(ProgressColumn):
    """The time left, estimated from the share done."""

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        if left is None:
            return Text("ETA -", style="progress.remaining")
        return Text(f"ETA {clock(left)}", style="progress.remaining")


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
        Eta(),
    )
    bar = Bar(*columns, console=console, speed_estimate_period=SPEED_WINDOW_S)
    task = bar.add_task("reading", start=False, total=1.0, comments=0, speed="-/s")
    window: deque[tuple[float, int]] = deque()
    told = False

    def show(progress: "Progress") -> None:
        nonlocal told
        if not bar.live.is_started:  # only now: what fails before the first record should not leave a bar behind
            bar.start()
            bar.start_task(task)
        now = bar.get_time()
        window.append((now, progress.classified))
        while len(window) > 2 and window[1][0] < now - SPEED_WINDOW_S:
            window.popleft()
        seconds, comments = now - window[0][0], progress.classified - window[0][1]
        speed = f"{comments / seconds:,.0f}/s" if comments and seconds else "-/s"
        name = "labelling" if progress.classified else "reading"
        bar.update(task, completed=progress.share, comments=progress.classified, speed=speed, description=name)
        if progress.idle_s > IDLE_S and not told and not own_worker:
            logger.warning(
                "no chunk was finished for %s s; %s wait. Does a worker run for this broker and store? "
                "`moodmill worker` starts one.",
                IDLE_S,
                progress.pending_chunks,
            )
        told = progress.idle_s > IDLE_S

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
