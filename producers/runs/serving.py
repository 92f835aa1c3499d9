"""Whether a worker that lives may classify the chunks of a run: others leave them, and the run would wait for ever."""

from collections.abc import Collection

from moodmill.db.core.engine import Engine, Precision
from moodmill.worker.queue.broker import UNKNOWN_ENGINE


def why_unserved(engine: Engine | None, precision: Precision, workers: Collection[str]) -> str | None:
    """Return why no worker that lives takes the chunks of a run; None where one does, or none lives.

    `engine` is what the run has, if it has begun, `precision` what it asks for; `workers` the engines of those that
    live, as the broker knows them.
    """
    if not workers or UNKNOWN_ENGINE in workers or (engine is None and precision == "auto"):
        return None
    if engine is not None:
        is_served, wanted = str(engine) in workers, f"the run's engine, {engine}"
        remedy = f"MOODMILL_ENGINE={engine.name} and MOODMILL_PRECISION={engine.precision}"
    else:
        is_served = precision in {Engine.parse(one).precision for one in workers}
        wanted, remedy = f"the precision that the run asks for, {precision}", f"MOODMILL_PRECISION={precision}"
    if is_served:
        return None
    have = ", ".join(sorted(workers))
    return f"no worker has {wanted}; those that live have {have}, and leave its chunks: start one with {remedy}"
