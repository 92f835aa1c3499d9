"""Which engine a run has: the first chunk that is begun fixes it, to the end of the run."""

from typing import Final

from sqlalchemy import Connection, bindparam, select, update

from moodmill.db.core.engine import Engine, Precision
from moodmill.db.core.errors import OtherEngineError, RunError
from moodmill.db.database.schema import chunk, run

_IS_RUN: Final = run.c.id == bindparam("run")
_STANDING: Final = (
    select(chunk.c.state, run.c.engine, run.c.model)
    .join(run, run.c.id == chunk.c.run_id)
    .where(chunk.c.run_id == bindparam("run"), chunk.c.number == bindparam("chunk"))
)
_ENGINE: Final = select(run.c.engine).where(_IS_RUN)
_FIX: Final = update(run).where(_IS_RUN, run.c.engine.is_(None))


def engine_of(connection: Connection, run_id: str) -> Engine | None:
    """Return the engine of a run; None before its first chunk is begun."""
    fixed = connection.scalar(_ENGINE, {"run": run_id})
    return None if fixed is None else Engine.parse(fixed)


def fix_engine(
    connection: Connection, run_id: str, number: int, engine: Engine, precision: Precision, model: str | None = None
) -> bool:
    """Have an engine, and a model, be the run's, where it has none; tell whether the chunk is to be classified.

    Raises RunError when there is no such chunk, and OtherEngineError where the run has another engine, or asks for
    another precision. The run is written before its chunk is locked, as by who cancels it: so neither waits for the
    other for ever.
    """
    named = {"run": run_id, "chunk": number}
    found = connection.execute(_STANDING, named).one_or_none()
    if found is None:
        raise unknown_chunk(run_id, number)
    state, fixed, fixed_model = found
    if state == "done":
        return False
    if fixed is None:
        if precision not in ("auto", engine.precision):
            raise OtherEngineError(f"run {run_id} asks for {precision}, this worker has {engine}")
        connection.execute(_FIX, {"run": run_id, "engine": str(engine), "model": model})
        _, fixed, fixed_model = connection.execute(_STANDING, named).one()  # another may have been the first
    if fixed != str(engine):
        raise OtherEngineError(f"run {run_id} has the engine {fixed}, this worker {engine}")
    if fixed_model not in (None, "", model):
        connection.execute(update(run).where(_IS_RUN), {"run": run_id, "model": ""})
    return True


def unknown_chunk(run_id: str, number: int) -> RunError:
    return RunError(f"chunk {number} of run {run_id} is not in this store: worker and producer use different stores")
