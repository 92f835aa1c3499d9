"""A storm: faults of the catalogue in random order strike at runs, until the time is over. See --help."""

import random
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Final

import click

from moodmill.db.analytics.reads import RunStatus, status
from moodmill.db.core.engine import EngineName
from tests.faults.catalogue import CATALOGUE
from tests.faults.scene import TIMEOUT_S, Database, Scene, scene
from tests.faults.table import Row, table
from tests.support import make_model

#: What runs are classified by and stored in, one after the other.
PLACES: Final[tuple[tuple[EngineName, Database], ...]] = (
    ("openvino", "sqlite"),
    ("torch", "postgresql"),
    ("openvino", "postgresql"),
    ("torch", "sqlite"),
)
#: Comments of a run: half a minute's work for a worker that nothing happens to, some minutes in a storm.
COMMENTS: Final = 1_000
#: Seconds from one fault to the next, at most.
CALM_S: Final = 8.0
#: Times that a run may have to be resumed after the storm: a chunk whose workers were killed four times has failed.
RESUMES: Final = 5


@click.command(help=__doc__)
@click.option("--minutes", type=float, default=10.0, show_default=True, help="How long to go on.")
@click.option("--seed", type=int, help="Which storm; any without it.")
def main(minutes: float, seed: int | None) -> None:
    """Run storms, print what struck when, and fail when something was lost."""
    if seed is None:
        seed = random.SystemRandom().randrange(10_000)
    click.echo(f"storm of seed {seed}: --seed {seed} brings the same faults in the same order")
    dice = random.Random(seed)
    end = time.monotonic() + 60 * minutes
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="moodmill-storm-") as folder:
        model = make_model(Path(folder) / "model")
        for engine, database in cycle(PLACES):
            click.echo(f"run {len(rows) + 1}, {engine}, {database}")
            rows.append(_run(model, engine, database, dice, end))
            if time.monotonic() > end:
                break
    click.echo(table(rows))


def _run(model: Path, engine: EngineName, database: Database, dice: random.Random, end: float) -> Row:
    poison = dict(zip(dice.sample(range(0, COMMENTS, 10), 4), ("hate", "love", "thanks", "a"), strict=True))
    settings = {"MOODMILL_CHUNKS_IN_FLIGHT": "32", "MOODMILL_ENGINE": engine}
    with scene(model, database=database, comments=COMMENTS, poison=poison, settings=settings) as found:
        found.begin()
        began = time.monotonic()
        try:
            struck = _strike(found, database, dice, end)
            calm = time.monotonic()
            _calm_down(found)
            row = Row.of(f"storm of {struck} faults", engine, database, found.check(), time.monotonic() - calm)
        except BaseException:
            click.echo(found.said(), err=True)
            raise
    click.echo(f"  {time.monotonic() - began:4.0f} s  done")
    return row


def _strike(found: Scene, database: Database, dice: random.Random, end: float) -> int:
    """Let faults strike until the run has ended or the time is over; return how many did."""
    faults = [one for one in CATALOGUE if one.storm and database in one.databases]
    began = time.monotonic()
    struck = 0
    while time.monotonic() < end and not _finished(found):
        _service_manager(found)
        fault = dice.choice(faults)
        click.echo(f"  {time.monotonic() - began:4.0f} s  {fault.name}")
        fault.strike(found)
        struck += 1
        time.sleep(dice.uniform(0, CALM_S))
    return struck


def _service_manager(found: Scene) -> None:
    """Start what has ended by itself: it may have met a store that was away when it began."""
    if found.workers[-1].poll() is not None:
        found.add_worker()
    if found.ended:
        found.add_producer()


def _calm_down(found: Scene) -> None:
    """Let the run end, and resume it where chunks of it have failed."""
    for _ in range(RESUMES):
        _service_manager(found)
        for one in found.producers:
            one.wait(2 * TIMEOUT_S)
        if _finished(found):
            return


def _finished(found: Scene) -> bool:
    state: RunStatus = status(found.store, found.run)
    return state.finished


if __name__ == "__main__":
    main()
