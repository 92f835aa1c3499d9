"""Whether a worker that lives may classify the chunks of a run: others leave them, and the run would wait for ever."""

from collections.abc import Collection

from moodmill.db.core.engine import Engine
from moodmill.worker.queue.broker import UNKNOWN_ENGINE


def why_unserved(engine: Engine | None, workers: Collection[str]) -> str | None:
    """Return why no worker that lives takes the chunks of a run that has an engine; None where one does, or none lives.

    `workers`: the engines of those that live, as the broker knows them.
    """
    if engine is None or not workers or not {str(engine), UNKNOWN_ENGINE}.isdisjoint(workers):
        return None
    return (
        f"no worker has the run's engine, {engine}; those that live have {', '.join(sorted(workers))}, and leave its "
        f"chunks: start one with MOODMILL_ENGINE={engine.name} and MOODMILL_PRECISION={engine.precision}"
    )
