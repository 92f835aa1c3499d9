"""The progress of a run, for people: a bar on a terminal, a line a minute elsewhere."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

from moodmill.db.core.pace import clock

if TYPE_CHECKING:
    from rich.console import Console

    from moodmill.producers.runs.waiter import Progress
    from moodmill.producers.runs.workers import Phase

logger = logging.getLogger(__name__)

#: Seconds without a finished chunk after which we ask for workers.
IDLE_S: Final = 60
#: Seconds between two lines, where no terminal is.
LINE_S: Final = 60.0
#: What a phase is called.
PHASES: Final[dict["Phase", str]] = {
    "reading": "reading",
    "starting": "starting",
    "measuring": "measuring this processor, once",
    "labelling": "labelling",
}


class Figures(NamedTuple):
    """What is shown of a run at a moment."""

    phase: str
    #: From 0 to 1.
    share: float
    comments: str
    speed: str
    elapsed: str
    eta: str
    #: Tokens, the share of the machine's limit, what is waited for; empty where no worker tells.
    work: str

    def line(self) -> str:
        """Return them in words."""
        if self.elapsed == "-":
            return f"{self.phase}: {self.share:.0%}" if self.phase == PHASES["reading"] else self.phase
        parts = (f"{self.share:.0%}", self.comments, self.speed, self.work, f"ETA {self.eta}")
        return f"{self.phase}: {', '.join(part for part in parts if part)}"


def figures_of(progress: "Progress") -> Figures:
    """Return what is shown of a run."""
    speed, left_s = progress.comments_per_s, progress.left_s
    return Figures(
        phase=PHASES[progress.phase],
        share=progress.share,
        comments=f"{progress.classified:,} comments",
        speed="-/s" if speed is None else f"{speed:,.0f}/s",
        elapsed="-" if progress.labelling_s is None else clock(progress.labelling_s),
        eta="-" if left_s is None else clock(left_s),
        work=_work(progress),
    )


def _work(progress: "Progress") -> str:
    if progress.tokens_per_s is None or progress.model_share is None or progress.waits_for is None:
        return ""
    limit = f"{progress.tokens_per_s:,.0f} tokens/s, {progress.model_share:.0%} of the limit"
    return f"{limit}, waits for {progress.waits_for}"


@contextmanager
def shown_progress(
    console: "Console", *, own_worker: bool, line_s: float = LINE_S
) -> Iterator[Callable[["Progress"], None]]:
    """Show phase, comments/s, the share done and an ETA, as a bar or lines; yield what takes the progress.

    Without a worker of our own, say so when none seems to be there.
    """
    warn = _IdleWarning()
    with (_bar if console.is_terminal else _lines)(console, line_s) as show:

        def take(progress: "Progress") -> None:
            show(progress)
            if not own_worker:
                warn(progress)

        yield take


class _IdleWarning:
    """Says once, each time that it is so, that no worker seems to be there."""

    def __init__(self) -> None:
        self._is_reported = False

    def __call__(self, progress: "Progress") -> None:
        if progress.idle_s > IDLE_S and not self._is_reported:
            logger.warning(
                "no chunk was finished for %s s; %s wait. Does a worker run for this broker and store? "
                "`moodmill worker` starts one.",
                IDLE_S,
                progress.pending_chunks,
            )
        self._is_reported = progress.idle_s > IDLE_S


@contextmanager
def _lines(console: "Console", line_s: float) -> Iterator[Callable[["Progress"], None]]:
    said_at, last = time.monotonic(), None

    def show(progress: "Progress") -> None:
        nonlocal said_at, last
        figures = figures_of(progress)
        if time.monotonic() - said_at >= line_s:
            said_at = time.monotonic()
            console.print(figures.line(), soft_wrap=True)
        last = figures

    yield show
    if last is not None and last.elapsed != "-":
        console.print(last.line(), soft_wrap=True)


@contextmanager
def _bar(console: "Console", _: float) -> Iterator[Callable[["Progress"], None]]:
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = [
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        *(TextColumn(f"{{task.fields[figures].{name}}}") for name in ("comments", "speed", "elapsed")),
        TextColumn("ETA {task.fields[figures].eta}", style="progress.remaining"),
        TextColumn("{task.fields[figures].work}"),
    ]
    bar = Bar(*columns, console=console, expand=True)
    task = None

    def show(progress: "Progress") -> None:
        nonlocal task
        figures = figures_of(progress)
        if task is None:  # only now: what fails before the first record should not leave a bar behind
            task = bar.add_task(figures.phase, total=1.0, figures=figures)
            bar.start()
        bar.update(task, completed=figures.share, figures=figures, description=figures.phase)

    try:
        yield show
    finally:
        if task is not None:
            bar.stop()
